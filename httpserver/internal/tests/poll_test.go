package tests_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

func withPollIntervals(p httpserver.PollIntervals) func(*httpserver.Options) {
	return func(o *httpserver.Options) { o.PollIntervals = &p }
}

// in returns a participation in a sequence.
func in(sequence string, kind consumer.DistributionType, status consumer.Status) consumer.Participation {
	return consumer.Participation{
		OrganizationID: org, ConsumerID: "cons_1", Type: kind, ID: "id_" + string(kind), ExperienceID: "exp_1", SequenceID: sequence,
		Status: status, EnteredAt: now.Add(-time.Minute), UpdatedAt: now,
	}
}

// holding returns a participation with a token.
func holding(p consumer.Participation) consumer.Participation {
	p.AdmittedAt, p.AdmissionToken = new(now), new("token")
	return p
}

func TestPollInterval(t *testing.T) {
	queued := in("s1", consumer.Queue, consumer.StatusQueued)
	drawn := in("s1", consumer.Draw, consumer.StatusEntered)
	admitted := holding(in("s1", consumer.Queue, consumer.StatusAdmitted))
	waiting := in("s2", consumer.Waitlist, consumer.StatusWaiting)
	released := in("s1", consumer.TimedRelease, consumer.StatusEntered)
	standard := httpserver.PollIntervals{}
	other := httpserver.PollIntervals{
		Queue: 3 * time.Second, Draw: 4 * time.Second, Auction: 5 * time.Second, TimedRelease: 6 * time.Second,
		Waitlist: 7 * time.Second, Admitted: 8 * time.Second, Idle: 90 * time.Second,
	}
	later := drawn
	later.EnteredAt = now
	ended := queued
	ended.ExpiresAt = new(now)
	elsewhere := drawn
	elsewhere.SequenceID = "s3"
	for name, test := range map[string]struct {
		intervals httpserver.PollIntervals
		records   []consumer.Participation
		want      string
	}{
		"queued":                              {standard, []consumer.Participation{queued}, "2"},
		"in a draw":                           {standard, []consumer.Participation{drawn}, "10"},
		"in an auction":                       {standard, []consumer.Participation{in("s1", consumer.Auction, consumer.StatusOutbid)}, "2"},
		"before a timed release":              {standard, []consumer.Participation{released}, "2"},
		"on a waitlist":                       {standard, []consumer.Participation{waiting}, "60"},
		"admitted":                            {standard, []consumer.Participation{admitted}, "60"},
		"nothing is active":                   {standard, nil, "60"},
		"expired":                             {standard, []consumer.Participation{ended}, "60"},
		"admitted, the token not there yet":   {standard, []consumer.Participation{in("s1", consumer.Queue, consumer.StatusAdmitted)}, "2"},
		"the shortest of several journeys":    {standard, []consumer.Participation{admitted, waiting, elsewhere}, "10"},
		"the shortest within one sequence":    {standard, []consumer.Participation{queued, later}, "2"},
		"an admission replaces other waits":   {standard, []consumer.Participation{admitted, drawn}, "60"},
		"configured: queued":                  {other, []consumer.Participation{queued}, "3"},
		"configured: in a draw":               {other, []consumer.Participation{drawn}, "4"},
		"configured: in an auction":           {other, []consumer.Participation{in("s1", consumer.Auction, consumer.StatusWinning)}, "5"},
		"configured: timed release":           {other, []consumer.Participation{released}, "6"},
		"configured: on a waitlist":           {other, []consumer.Participation{waiting}, "7"},
		"configured: admitted":                {other, []consumer.Participation{holding(released)}, "8"},
		"configured: nothing is active":       {other, nil, "90"},
		"only one is configured":              {httpserver.PollIntervals{Draw: time.Hour}, []consumer.Participation{drawn, waiting}, "60"},
		"an hour is written in whole seconds": {httpserver.PollIntervals{Draw: time.Hour}, []consumer.Participation{drawn}, "3600"},
	} {
		t.Run(name, func(t *testing.T) {
			w, plain := newWorld(t, withPollIntervals(test.intervals)), newWorld(t)
			for _, w := range []*world{w, plain} {
				key := consumer.Key{OrganizationID: org, ConsumerID: "cons_1"}
				snapshot := w.store.snapshots[key]
				snapshot.Participations = test.records
				w.store.snapshots[key] = snapshot
			}
			response := w.me()
			if got := response.Header.Values("X-Poll-Interval"); len(got) != 1 || got[0] != test.want {
				t.Errorf("X-Poll-Interval %q, want %q", got, test.want)
			}
			etag := response.Header.Get("ETag")
			if etag != plain.me().Header.Get("ETag") {
				t.Error("the ETag depends on the hint")
			}
			unchanged := w.me("If-None-Match", etag)
			if got := unchanged.Header.Get("X-Poll-Interval"); unchanged.StatusCode != 304 || got != test.want {
				t.Errorf("%d with X-Poll-Interval %q", unchanged.StatusCode, got)
			}
			if got := plain.me().Header.Values("X-Poll-Interval"); len(got) != 0 {
				t.Errorf("without the option there is an X-Poll-Interval: %q", got)
			}
		})
	}
}

// Only responses with a document have the header.
func TestPollIntervalElsewhere(t *testing.T) {
	w := newWorld(t, withPollIntervals(httpserver.PollIntervals{}))
	for name, target := range map[string][]string{
		"the look-up": {prefix + "/cons_1", "Authorization", "Bearer " + secret},
		"a refusal":   {prefix + "/me"},
	} {
		if got := w.do("GET", target[0], target[1:]...).Header.Values("X-Poll-Interval"); len(got) != 0 {
			t.Errorf("%s has an X-Poll-Interval: %q", name, got)
		}
	}
}

// Scripts of other origins can read the header if it is configured.
func TestPollIntervalIsExposed(t *testing.T) {
	const origin = "https://a.example"
	for name, test := range map[string]struct {
		change  []func(*httpserver.Options)
		exposed bool
	}{
		"with hints":    {[]func(*httpserver.Options){withOrigins(origin), withPollIntervals(httpserver.PollIntervals{})}, true},
		"without hints": {[]func(*httpserver.Options){withOrigins(origin)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			names := newWorld(t, test.change...).me("Origin", origin).Header.Get("Access-Control-Expose-Headers")
			if exposed := strings.Contains(strings.ToLower(names), "x-poll-interval"); exposed != test.exposed {
				t.Errorf("exposed: %q", names)
			}
		})
	}
}
