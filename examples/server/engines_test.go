package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// stage is the demonstration in a database of its own, with a clock that stands still.
type stage struct {
	t       testing.TB
	store   *sqlite.Store
	engines *engines
	now     time.Time
}

func newStage(t testing.TB) *stage {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: sqlite.Memory})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	s := &stage{t: t, store: store, now: time.Date(2026, 12, 1, 9, 0, 0, 250e6, time.UTC)}
	s.engines = &engines{store: store, now: func() time.Time { return s.now }}
	if err := errors.Join(store.Migrate(t.Context()), s.engines.startOver(t.Context())); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stage) play(consumerID, action string, d distribution) error {
	return s.engines.play(s.t.Context(), order{ConsumerID: consumerID, Action: action, Type: d.Type, DistributionID: d.ID})
}

func (s *stage) active(consumerID string, after time.Duration) journey.Active {
	s.t.Helper()
	snapshot, err := s.store.Snapshot(s.t.Context(), "org_demo", consumerID)
	if err != nil {
		s.t.Fatal(err)
	}
	return journey.Derive(snapshot, s.now.Add(after)).Active()
}

// everywhere are the distributions of the demonstration, one for each type.
func everywhere(t testing.TB) map[consumer.DistributionType]distribution {
	t.Helper()
	all := map[consumer.DistributionType]distribution{}
	for _, d := range distributions(demo(time.Now())[0]) {
		all[d.Type] = d
	}
	if len(all) != len(consumer.DistributionTypes()) {
		t.Fatalf("the demonstration has distributions of %d types only", len(all))
	}
	return all
}

// The parts that can be played, each to its end; all at one moment by the clock.
func TestEnginesPlay(t *testing.T) {
	for name, test := range map[string]struct {
		in    consumer.DistributionType
		plays []string
		want  []string // what is shown after each
	}{
		"queue":                        {consumer.Queue, []string{"enter", "admit", "leave"}, []string{"QUEUED participating", "ADMITTED admitted", ""}},
		"draw":                         {consumer.Draw, []string{"enter", "win", "leave"}, []string{"ENTERED participating", "WON admitted", ""}},
		"auction":                      {consumer.Auction, []string{"enter", "outbid", "bid", "outbid", "bid", "win", "leave"}, []string{"ACTIVE participating", "OUTBID participating", "WINNING participating", "OUTBID participating", "WINNING participating", "WON admitted", ""}},
		"auction, won at once":         {consumer.Auction, []string{"enter", "win"}, []string{"ACTIVE participating", "WON admitted"}},
		"timed release":                {consumer.TimedRelease, []string{"enter", "admit", "leave"}, []string{"ENTERED participating", "ENTERED admitted", ""}},
		"waitlist":                     {consumer.Waitlist, []string{"enter", "notify", "leave"}, []string{"WAITING waitlist_entered", "NOTIFIED waitlist_entered", ""}},
		"entering again starts afresh": {consumer.Queue, []string{"enter", "admit", "enter", "admit", "leave", "enter"}, []string{"QUEUED participating", "ADMITTED admitted", "QUEUED participating", "ADMITTED admitted", "", "QUEUED participating"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, d := newStage(t), everywhere(t)[test.in]
			var got []string
			for _, action := range test.plays {
				if err := s.play("cons_demo_plain", action, d); err != nil {
					t.Fatalf("%s: %v", action, err)
				}
				shown := ""
				for _, j := range s.active("cons_demo_plain", 0).Journeys {
					shown += string(j.Participation.Status) + " " + string(j.SequenceStage)
				}
				got = append(got, shown)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEnginesRefuse(t *testing.T) {
	all := everywhere(t)
	elsewhere := distribution{Type: consumer.Queue, ID: "queue_of_somebody"}
	for name, test := range map[string]struct {
		consumerID, action string
		in                 distribution
		want               error
	}{
		"a consumer of nobody's":               {"cons_other", "enter", all[consumer.Queue], errUnknownConsumer},
		"a distribution that is no part of it": {"cons_demo_plain", "enter", elsewhere, errUnknownAct},
		"an unknown action":                    {"cons_demo_plain", "dance", all[consumer.Queue], errUnknownAct},
		"an action of another type":            {"cons_demo_queue", "win", all[consumer.Queue], errUnknownAct},
		"admitting who takes no part":          {"cons_demo_plain", "admit", all[consumer.Queue], errNotNow},
		"admitting who is admitted":            {"cons_demo_several", "admit", all[consumer.Queue], errNotNow},
		"admitting who has an admission apart": {"cons_demo_release", "admit", all[consumer.TimedRelease], errNotNow},
		"winning while outbid":                 {"cons_demo_auction", "win", all[consumer.Auction], errNotNow},
		"leaving what expired":                 {"cons_demo_expired", "leave", all[consumer.Queue], errNotNow},
		"a consumer in another letter case":    {"CONS_DEMO_PLAIN", "enter", all[consumer.Queue], errUnknownConsumer},
	} {
		t.Run(name, func(t *testing.T) {
			if err := newStage(t).play(test.consumerID, test.action, test.in); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

// What an act expires is there until its moment, and gone without another write.
func TestEnginesExpire(t *testing.T) {
	for name, test := range map[string]struct {
		consumerID   string
		in           consumer.DistributionType
		before, then int // journeys
		stage        journey.SequenceStage
	}{
		"a place in a queue": {"cons_demo_queue", consumer.Queue, 1, 0, ""},
		"an admission":       {"cons_demo_admitted", consumer.Draw, 1, 0, ""},
		"an admission apart, not the entry itself": {"cons_demo_release", consumer.TimedRelease, 1, 1, journey.Participating},
		"a place on a waitlist":                    {"cons_demo_waitlist", consumer.Waitlist, 1, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			if err := s.play(test.consumerID, actionExpire, everywhere(t)[test.in]); err != nil {
				t.Fatal(err)
			}
			before := s.active(test.consumerID, expiryDelay-time.Microsecond).Journeys
			then := s.active(test.consumerID, expiryDelay).Journeys
			if len(before) != test.before || len(then) != test.then {
				t.Fatalf("%d journeys before and %d then", len(before), len(then))
			}
			if len(then) == 1 && then[0].SequenceStage != test.stage {
				t.Errorf("then in stage %s", then[0].SequenceStage)
			}
		})
	}
}

// An admission that was granted apart is left and entered afresh with the rest.
func TestEnginesEndAdmissionsApart(t *testing.T) {
	for action, want := range map[string]string{actionLeave: "", actionEnter: "participating"} {
		s := newStage(t)
		if err := s.play("cons_demo_release", action, everywhere(t)[consumer.TimedRelease]); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, j := range s.active("cons_demo_release", 0).Journeys {
			got += string(j.SequenceStage)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", action, got, want)
		}
	}
}

// Whatever testers do, and however fast: an act that is possible by the list that the
// page is given succeeds and shows, and starting over ends all of it.
func TestEnginesPlayAnything(t *testing.T) {
	s := newStage(t)
	all := distributions(demo(s.now)[0])
	people := demo(s.now)[0].Consumers
	begun := map[string]journey.Active{}
	for _, c := range people {
		begun[c.ID] = s.active(c.ID, 0)
	}
	rapid.Check(t, func(t *rapid.T) {
		for range rapid.IntRange(1, 12).Draw(t, "acts") {
			id := rapid.SampledFrom(people).Draw(t, "consumer").ID
			before := s.active(id, 0)
			possible := []func() (string, error){func() (string, error) {
				return actionEnter, s.play(id, actionEnter, rapid.SampledFrom(all).Draw(t, "distribution"))
			}}
			for _, j := range before.Journeys {
				for _, a := range acts() {
					if a.Type == j.Participation.Type && slices.Contains(a.From, j.Participation.Status) && (!a.Admits || j.Admission == nil) {
						i := slices.IndexFunc(all, func(d distribution) bool { return d.ID == j.Participation.ID })
						possible = append(possible, func() (string, error) { return a.Action, s.play(id, a.Action, all[i]) })
					}
				}
			}
			action, err := rapid.SampledFrom(possible).Draw(t, "act")()
			if err != nil {
				t.Fatalf("%s: %v", action, err)
			}
			// Entering anew at the same moment, or expiring again, leads to the same.
			if cmp.Equal(before, s.active(id, 0)) && action != actionEnter && action != actionExpire {
				t.Fatalf("%s changed nothing", action)
			}
		}
		if err := s.engines.startOver(s.t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, c := range people {
			if diff := cmp.Diff(begun[c.ID], s.active(c.ID, 0)); diff != "" {
				t.Fatalf("%s did not start over (-want +got):\n%s", c.ID, diff)
			}
		}
	})
}

// A start of the server makes true again what it prints, whatever testers did before.
func TestStartAfterTesters(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, url string) {
		s := boot(t, "-demo", "-database", url)
		for _, body := range []string{
			`{"consumerId":"cons_demo_plain","action":"enter","type":"draw","distributionId":"draw_demo_poster"}`,
			`{"consumerId":"cons_demo_queue","action":"leave","type":"queue","distributionId":"queue_demo_sneaker"}`,
		} {
			if status, text := s.post("/demo/act", body, nil); status != 204 {
				t.Fatalf("%d %s", status, text)
			}
		}
		if s.situations(t)["cons_demo_plain"] != "in draw" || s.situations(t)["cons_demo_queue"] != "in nothing now" {
			t.Fatalf("the acts don't show: %v", s.situations(t))
		}
		s.stop()
		s = boot(t, "-demo", "-database", url)
		if got := s.situations(t); got["cons_demo_plain"] != "in nothing now" || got["cons_demo_queue"] != "in queue" {
			t.Errorf("%v", got)
		}
		if strings.Contains(s.stdout, "cons_demo_plain: in draw") {
			t.Error("the terminal says otherwise")
		}
	})
}
