package demo

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// demonstration is the demonstration in its own database, with a clock that does not move.
type demonstration struct {
	t       testing.TB
	store   *sqlite.Store
	engines *engines
	now     time.Time
}

func newDemonstration(t testing.TB) *demonstration {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: sqlite.Memory})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	s := &demonstration{t: t, store: store, now: time.Date(2026, 12, 1, 9, 0, 0, 250e6, time.UTC)}
	s.engines = &engines{store: store, now: func() time.Time { return s.now }}
	if err := errors.Join(store.Migrate(t.Context()), s.engines.startOver(t.Context())); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *demonstration) play(consumerID, action string, d distribution) error {
	return s.engines.run(s.t.Context(), command{ConsumerID: consumerID, Action: action, Type: d.Type, DistributionID: d.ID})
}

func (s *demonstration) active(consumerID string, after time.Duration) journey.ActiveParticipations {
	s.t.Helper()
	snapshot, err := s.store.Snapshot(s.t.Context(), consumer.Key{OrganizationID: organizationID, ConsumerID: consumerID})
	if err != nil {
		s.t.Fatal(err)
	}
	var active journey.ActiveParticipations
	if err := json.Unmarshal(journey.Derive(snapshot, s.now.Add(after)).AppendJSON(nil), &active); err != nil {
		s.t.Fatal(err)
	}
	return active
}

// distributionsByType returns the first distribution of each type of the demonstration.
func distributionsByType(t testing.TB) map[consumer.DistributionType]distribution {
	t.Helper()
	all := map[consumer.DistributionType]distribution{}
	for _, d := range slices.Backward(distributions()) {
		all[d.Type] = d
	}
	if len(all) != len(consumer.DistributionTypes()) {
		t.Fatalf("the demonstration has distributions of %d types only", len(all))
	}
	return all
}

// TestEnginesRun runs all actions of each type, all at the same time by the clock.
func TestEnginesRun(t *testing.T) {
	for name, test := range map[string]struct {
		in    consumer.DistributionType
		plays []string
		want  []string // what the document shows after each
	}{
		"queue":                       {consumer.Queue, []string{"enter", "admit", "leave"}, []string{"QUEUED participating", "ADMITTED admitted", ""}},
		"draw":                        {consumer.Draw, []string{"enter", "win", "leave"}, []string{"ENTERED participating", "WON admitted", ""}},
		"auction":                     {consumer.Auction, []string{"enter", "outbid", "bid", "outbid", "bid", "win", "leave"}, []string{"ACTIVE participating", "OUTBID participating", "WINNING participating", "OUTBID participating", "WINNING participating", "WON admitted", ""}},
		"auction that is won at once": {consumer.Auction, []string{"enter", "win"}, []string{"ACTIVE participating", "WON admitted"}},
		"timed release":               {consumer.TimedRelease, []string{"enter", "admit", "leave"}, []string{"ENTERED participating", "ENTERED admitted", ""}},
		"waitlist":                    {consumer.Waitlist, []string{"enter", "notify", "leave"}, []string{"WAITING waitlist_entered", "NOTIFIED waitlist_entered", ""}},
		"entering again replaces what is recorded": {consumer.Queue, []string{"enter", "admit", "enter", "admit", "leave", "enter"}, []string{"QUEUED participating", "ADMITTED admitted", "QUEUED participating", "ADMITTED admitted", "", "QUEUED participating"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, d := newDemonstration(t), distributionsByType(t)[test.in]
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
	all := distributionsByType(t)
	elsewhere := distribution{Type: consumer.Queue, ID: "queue_of_somebody"}
	for name, test := range map[string]struct {
		consumerID, action string
		in                 distribution
		want               error
	}{
		"an unknown consumer":                            {"cons_other", "enter", all[consumer.Queue], errUnknownConsumer},
		"an unknown distribution":                        {"cons_demo_plain", "enter", elsewhere, errUnknownAction},
		"an unknown action":                              {"cons_demo_plain", "dance", all[consumer.Queue], errUnknownAction},
		"an action of another type":                      {"cons_demo_queue", "win", all[consumer.Queue], errUnknownAction},
		"admitting a consumer who is not in the queue":   {"cons_demo_plain", "admit", all[consumer.Queue], errNotNow},
		"admitting an admitted consumer":                 {"cons_demo_several", "admit", all[consumer.Queue], errNotNow},
		"admitting a consumer with a separate admission": {"cons_demo_release", "admit", all[consumer.TimedRelease], errNotNow},
		"winning while outbid":                           {"cons_demo_auction", "win", all[consumer.Auction], errNotNow},
		"leaving an expired admission":                   {"cons_demo_expired", "leave", all[consumer.Queue], errNotNow},
		"a consumer in another letter case":              {"CONS_DEMO_PLAIN", "enter", all[consumer.Queue], errUnknownConsumer},
	} {
		t.Run(name, func(t *testing.T) {
			if err := newDemonstration(t).play(test.consumerID, test.action, test.in); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

// TestEnginesExpire: what an action lets expire remains until then, and is gone without
// another write.
func TestEnginesExpire(t *testing.T) {
	for name, test := range map[string]struct {
		consumerID   string
		in           consumer.DistributionType
		before, then int // journeys
		stage        journey.SequenceStage
	}{
		"a place in a queue": {"cons_demo_queue", consumer.Queue, 1, 0, ""},
		"an admission":       {"cons_demo_admitted", consumer.Draw, 1, 0, ""},
		"a separate admission but not the entry itself": {"cons_demo_release", consumer.TimedRelease, 1, 1, journey.Participating},
		"a place on a waitlist":                         {"cons_demo_waitlist", consumer.Waitlist, 1, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newDemonstration(t)
			if err := s.play(test.consumerID, expire, distributionsByType(t)[test.in]); err != nil {
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

// TestEnginesEndSeparateAdmissions: leaving and entering end a separate admission.
func TestEnginesEndSeparateAdmissions(t *testing.T) {
	for action, want := range map[string]string{leave: "", enter: "participating"} {
		s := newDemonstration(t)
		if err := s.play("cons_demo_release", action, distributionsByType(t)[consumer.TimedRelease]); err != nil {
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

// TestEnginesRunAnything: each action that is possible by the list that the page gets
// succeeds and shows, however fast testers are, and starting over undoes all of it.
func TestEnginesRunAnything(t *testing.T) {
	s := newDemonstration(t)
	all := distributions()
	people := Organization(s.now).Consumers
	first := map[string]journey.ActiveParticipations{}
	for _, c := range people {
		first[c.ID] = s.active(c.ID, 0)
	}
	rapid.Check(t, func(t *rapid.T) {
		for range rapid.IntRange(1, 12).Draw(t, "actions") {
			id := rapid.SampledFrom(people).Draw(t, "consumer").ID
			before := s.active(id, 0)
			possible := []func() (string, error){func() (string, error) {
				return enter, s.play(id, enter, rapid.SampledFrom(all).Draw(t, "distribution"))
			}}
			for _, j := range before.Journeys {
				for _, a := range actions() {
					if a.Type == j.Participation.Type && slices.Contains(a.From, j.Participation.Status) && (!a.Admits || j.Admission == nil) {
						i := slices.IndexFunc(all, func(d distribution) bool { return d.ID == j.Participation.ID })
						possible = append(possible, func() (string, error) { return a.Name, s.play(id, a.Name, all[i]) })
					}
				}
			}
			action, err := rapid.SampledFrom(possible).Draw(t, "action")()
			if err != nil {
				t.Fatalf("%s: %v", action, err)
			}
			// Entering again at the same time, or expiring again, leads to the same document.
			if cmp.Equal(before, s.active(id, 0)) && action != enter && action != expire {
				t.Fatalf("%s changed nothing", action)
			}
		}
		if err := s.engines.startOver(s.t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, c := range people {
			if diff := cmp.Diff(first[c.ID], s.active(c.ID, 0)); diff != "" {
				t.Fatalf("%s did not start over (-want +got):\n%s", c.ID, diff)
			}
		}
	})
}
