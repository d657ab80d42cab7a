package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
)

const theToken = "token_1"

// admitted is the participation of the cases with a token.
func admitted(edits ...func(*consumer.Participation)) consumer.Participation {
	return participation(append([]func(*consumer.Participation){becoming(consumer.StatusAdmitted, at(1)), func(p *consumer.Participation) {
		p.Position, p.AdmittedAt, p.AdmissionToken = new(int64(0)), new(at(1)), new(theToken)
	}}, edits...)...)
}

// inQueue moves an admission to the distribution of participation.
func inQueue(a *consumer.Admission) {
	a.DistributionType, a.DistributionID = consumer.Queue, "queue_1"
}

// completion completes admitted.
func completion(edits ...func(*consumer.Completion)) consumer.Completion {
	return edited(consumer.Completion{
		OrganizationID: organization, ConsumerID: person, DistributionType: consumer.Queue, DistributionID: "queue_1",
		AdmissionToken: theToken, OrderID: "order_1", At: at(5),
	}, edits)
}

func ofRelease(c *consumer.Completion) {
	c.DistributionType, c.DistributionID = consumer.TimedRelease, "release_1"
}

func byOrder(id string) func(*consumer.Completion) {
	return func(c *consumer.Completion) { c.OrderID = id }
}

func completedAt(moment time.Time) func(*consumer.Completion) {
	return func(c *consumer.Completion) { c.At = moment }
}

func byOther(c *consumer.Completion) { c.ConsumerID = otherPerson }

func complete(ctx context.Context, store consumer.Store, c consumer.Completion) (consumer.CompletionResult, error) {
	return store.(consumer.Completer).Complete(ctx, c)
}

// wantCompleted completes an admission, which was not completed before.
func wantCompleted(t *testing.T, store consumer.Store, c consumer.Completion) {
	t.Helper()
	wantCompletion(t, store, c, consumer.CompletionResult{CompletedAt: consumer.NormalizeTime(c.At)})
}

func wantCompletion(t *testing.T, store consumer.Store, c consumer.Completion, want consumer.CompletionResult) {
	t.Helper()
	got, err := complete(t.Context(), store, c)
	if diff := gocmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("Complete returned the error %v (-want +got):\n%s", err, diff)
	}
}

func wantNotCompleted(t *testing.T, store consumer.Store, c consumer.Completion, want error) {
	t.Helper()
	result, err := complete(t.Context(), store, c)
	if !errors.Is(err, want) || result != (consumer.CompletionResult{}) {
		t.Errorf("Complete returned %+v and the error %v, want %v alone", result, err, want)
	}
}

func completionCases() []storeCase {
	return slices.Concat(completedCases(), notAdmittedCases(), completionLifecycleCases(), []storeCase{
		{"one of several callers with the same token completes it", testConcurrentCompletions},
		{"an erasure during completions leaves nothing", testEraseDuringCompletions},
		{"completions during other calls are as if they came one after another", testCompletionsDuringWrites},
		{"concurrent completers agree who completed a token", testCompletionRaces},
		{"any sequence of calls has the results of the model", testCompletionHistories},
	})
}

func completedCases() []storeCase {
	return []storeCase{
		{"a participation becomes COMPLETED", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), participations(admitted(), admitted(inDistribution("queue_2")))))
			wantCompleted(t, store, completion())
			wantSnapshot(t, store, together(profiles(profile()), participations(admitted(inDistribution("queue_2")))))
			wantExport(t, store, together(profiles(profile()), participations(
				admitted(becoming(consumer.StatusCompleted, at(5))), admitted(inDistribution("queue_2")))))
		}},
		{"every type that admits can be completed", func(t *testing.T, store consumer.Store) {
			for kind, status := range map[consumer.DistributionType]consumer.Status{
				consumer.Draw: consumer.StatusWon, consumer.Auction: consumer.StatusWon, consumer.TimedRelease: consumer.StatusEntered,
			} {
				write(t, store, participations(admitted(becoming(status, at(1)), func(p *consumer.Participation) { p.Type, p.Position = kind, nil })))
				wantCompleted(t, store, completion(func(c *consumer.Completion) { c.DistributionType = kind }))
			}
		}},
		{"an admission is ended", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), admissions(admission())))
			wantCompleted(t, store, completion(ofRelease))
			wantExport(t, store, together(profiles(profile()), admissions(admission(ended(at(5))))))
		}},
		{"if both have the token, both are completed", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), participations(admitted()), admissions(admission(inQueue))))
			wantCompleted(t, store, completion())
			wantExport(t, store, together(profiles(profile()), participations(admitted(becoming(consumer.StatusCompleted, at(5)))),
				admissions(admission(inQueue, ended(at(5))))))
		}},
		{"an admission with another token remains, and can be completed by another order", func(t *testing.T, store consumer.Store) {
			other := admission(inQueue, func(a *consumer.Admission) { a.AdmissionToken = "token_2" })
			write(t, store, together(profiles(profile()), participations(admitted()), admissions(other)))
			wantCompleted(t, store, completion())
			wantSnapshot(t, store, together(profiles(profile()), admissions(other)))
			wantCompleted(t, store, completion(byOrder("order_2"), func(c *consumer.Completion) { c.AdmissionToken = "token_2" }))
		}},
		{"an admission is completed though the participation with the token has expired", func(t *testing.T, store consumer.Store) {
			expired := admitted(func(p *consumer.Participation) { p.ExpiresAt = new(at(5)) })
			write(t, store, together(participations(expired), admissions(admission(inQueue))))
			wantCompleted(t, store, completion())
			wantExport(t, store, together(participations(expired), admissions(admission(inQueue, ended(at(5))))))
		}},
		{"the profile may arrive later", func(t *testing.T, store consumer.Store) {
			write(t, store, participations(admitted()))
			wantCompleted(t, store, completion())
		}},
		{"the same order again is told that it was completed before, whenever it is", func(t *testing.T, store consumer.Store) {
			write(t, store, participations(admitted(func(p *consumer.Participation) { p.ExpiresAt = new(at(9)) })))
			wantCompleted(t, store, completion())
			for _, moment := range []time.Time{at(5), at(0), at(99)} {
				wantCompletion(t, store, completion(completedAt(moment)), consumer.CompletionResult{CompletedAt: at(5), Repeated: true})
			}
			wantExport(t, store, participations(admitted(func(p *consumer.Participation) { p.ExpiresAt = new(at(9)) }, becoming(consumer.StatusCompleted, at(5)))))
		}},
		{"another order is refused, and changes nothing", func(t *testing.T, store consumer.Store) {
			write(t, store, participations(admitted()))
			wantCompleted(t, store, completion())
			for _, order := range []string{"order_2", "ORDER_1", "order_1."} {
				wantNotCompleted(t, store, completion(byOrder(order), completedAt(at(9))), consumer.ErrAlreadyCompleted)
			}
			wantExport(t, store, participations(admitted(becoming(consumer.StatusCompleted, at(5)))))
		}},
		{"one order may complete several admissions", func(t *testing.T, store consumer.Store) {
			write(t, store, together(participations(admitted(), admitted(inDistribution("queue_2"))), admissions(admission())))
			wantCompleted(t, store, completion())
			wantCompleted(t, store, completion(func(c *consumer.Completion) { c.DistributionID = "queue_2" }))
			wantCompleted(t, store, completion(ofRelease))
		}},
		{"the end of the distribution does not matter", func(t *testing.T, store consumer.Store) {
			write(t, store, together(participations(admitted()), distributions(queue(over(at(2), "")))))
			wantCompleted(t, store, completion())
		}},
		{"a completion before the record became true has the record's time", func(t *testing.T, store consumer.Store) {
			write(t, store, together(participations(admitted()), admissions(admission(inQueue, func(a *consumer.Admission) { a.UpdatedAt = at(2) }))))
			wantCompleted(t, store, completion(completedAt(at(0))))
			wantExport(t, store, together(participations(admitted(becoming(consumer.StatusCompleted, at(1)))), admissions(admission(inQueue, ended(at(2))))))
			wantWrite(t, store, together(participations(admitted()), admissions(admission(inQueue))), 0, 2)
		}},
		{"the time is truncated to microseconds", func(t *testing.T, store consumer.Store) {
			write(t, store, participations(admitted()))
			wantCompleted(t, store, completion(completedAt(at(5).Add(1999*time.Nanosecond).In(time.FixedZone("east", 3600)))))
			wantExport(t, store, participations(admitted(becoming(consumer.StatusCompleted, at(5).Add(time.Microsecond)))))
		}},
		{"an older write does not revive what was completed", func(t *testing.T, store consumer.Store) {
			write(t, store, together(participations(admitted()), admissions(admission())))
			wantCompleted(t, store, completion())
			wantCompleted(t, store, completion(ofRelease))
			wantWrite(t, store, together(participations(admitted(), admitted(becoming(consumer.StatusAdmitted, at(5)))), admissions(admission())), 0, 3)
			wantNotCompleted(t, store, completion(byOrder("order_2")), consumer.ErrAlreadyCompleted)
		}},
		{"a token that a newer write has again is still completed", func(t *testing.T, store consumer.Store) {
			write(t, store, participations(admitted()))
			wantCompleted(t, store, completion())
			wantWrite(t, store, participations(admitted(becoming(consumer.StatusAdmitted, at(6)))), 1, 0)
			wantNotCompleted(t, store, completion(byOrder("order_2"), completedAt(at(7))), consumer.ErrAlreadyCompleted)
			wantCompletion(t, store, completion(completedAt(at(7))), consumer.CompletionResult{CompletedAt: at(5), Repeated: true})
		}},
		{"after a re-entry the new token can be completed, and the old one stays completed", func(t *testing.T, store consumer.Store) {
			write(t, store, participations(admitted()))
			wantCompleted(t, store, completion())
			again := admitted(becoming(consumer.StatusAdmitted, at(9)), func(p *consumer.Participation) { p.AdmissionToken = new("token_2") })
			wantWrite(t, store, participations(again), 1, 0)
			withNewToken := func(c *consumer.Completion) { c.AdmissionToken = "token_2" }
			wantNotCompleted(t, store, completion(byOrder("order_2"), completedAt(at(10))), consumer.ErrAlreadyCompleted)
			wantCompleted(t, store, completion(withNewToken, byOrder("order_2"), completedAt(at(10))))
			wantCompletion(t, store, completion(completedAt(at(11))), consumer.CompletionResult{CompletedAt: at(5), Repeated: true})
			wantNotCompleted(t, store, completion(withNewToken, completedAt(at(11))), consumer.ErrAlreadyCompleted)
		}},
		{"any token and the longest ids are kept as they are", func(t *testing.T, store consumer.Store) {
			const token = "Zażółć \"🎟\" \\ \n\t' %00"
			long := fmt.Sprintf("%0128d", 7)
			p := admitted(inDistribution(long), func(p *consumer.Participation) { p.AdmissionToken = new(token) })
			write(t, store, participations(p))
			whole := completion(byOrder(long), func(c *consumer.Completion) { c.DistributionID, c.AdmissionToken = long, token })
			wantNotCompleted(t, store, edited(whole, []func(*consumer.Completion){func(c *consumer.Completion) { c.AdmissionToken = token[:len(token)-1] }}), consumer.ErrNotAdmitted)
			wantCompleted(t, store, whole)
			wantNotCompleted(t, store, edited(whole, []func(*consumer.Completion){byOrder("order_2")}), consumer.ErrAlreadyCompleted)
		}},
		{"a completion is reported", func(t *testing.T, store consumer.Store) {
			write(t, store, participations(admitted()))
			l := follow(t, store)
			wantCompleted(t, store, completion())
			l.want(t, person)
		}},
		{"what events gave is completed, and later events count again", func(t *testing.T, store consumer.Store) {
			if _, ok := store.(event.Recorder); !ok {
				t.Skip("the store does not record events")
			}
			write(t, store, profiles(profile()))
			recordAll(t, store, about(event.QueueEntered, "e1", 1), about(event.QueueAdmitted, "e2", 2))
			c := completion(func(c *consumer.Completion) { c.AdmissionToken = "token_e2" })
			wantCompleted(t, store, c)
			done := admittedBy("token_e2", 1, 2)
			done.Status, done.UpdatedAt = consumer.StatusCompleted, at(5)
			wantExport(t, store, together(profiles(profile()), participations(done)))
			wantSnapshot(t, store, profiles(profile()))
			recordAll(t, store, about(event.QueueEntered, "e3", 6), about(event.QueueAdmitted, "e4", 7))
			wantSnapshot(t, store, together(profiles(profile()), participations(admittedBy("token_e4", 6, 7))))
			wantCompleted(t, store, completion(byOrder("order_2"), completedAt(at(8)), func(c *consumer.Completion) { c.AdmissionToken = "token_e4" }))
		}},
		{"of a written and a folded record the one that counts decides", func(t *testing.T, store consumer.Store) {
			if _, ok := store.(event.Recorder); !ok {
				t.Skip("the store does not record events")
			}
			write(t, store, participations(admitted()))
			recordAll(t, store, about(event.QueueLeft, "e1", 3))
			wantNotCompleted(t, store, completion(), consumer.ErrNotAdmitted)
			recordAll(t, store, about(event.QueueAdmitted, "e2", 4))
			wantNotCompleted(t, store, completion(), consumer.ErrNotAdmitted)
			wantCompleted(t, store, completion(func(c *consumer.Completion) { c.AdmissionToken = "token_e2" }))
		}},
	}
}

func notAdmittedCases() []storeCase {
	refused := func(records consumer.Batch, edits ...func(*consumer.Completion)) func(*testing.T, consumer.Store) {
		return func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), records))
			wantNotCompleted(t, store, completion(edits...), consumer.ErrNotAdmitted)
			wantWrite(t, store, records, 0, records.Records())
			wantExport(t, store, together(profiles(profile()), records))
		}
	}
	expiring := func(second int) consumer.Participation {
		return admitted(func(p *consumer.Participation) { p.ExpiresAt = new(at(second)) })
	}
	return []storeCase{
		{"nothing is stored", func(t *testing.T, store consumer.Store) {
			wantNotCompleted(t, store, completion(), consumer.ErrNotAdmitted)
			wantNothing(t, store, person)
		}},
		{"another token is not admitted", refused(participations(admitted()), func(c *consumer.Completion) { c.AdmissionToken = "token_2" })},
		{"another letter case is another token", refused(participations(admitted()), func(c *consumer.Completion) { c.AdmissionToken = "TOKEN_1" })},
		{"another distribution is not admitted", refused(participations(admitted()), func(c *consumer.Completion) { c.DistributionID = "queue_2" })},
		{"another type is not admitted", refused(participations(admitted()), func(c *consumer.Completion) { c.DistributionType = consumer.Draw })},
		{"another consumer is not admitted", refused(participations(admitted()), byOther)},
		{"the same ids of another organization are not admitted", refused(participations(admitted()), func(c *consumer.Completion) { c.OrganizationID = otherOrganization })},
		{"who waits is not admitted", refused(participations(participation()))},
		{"who was admitted and left is not admitted", refused(participations(admitted(becoming(consumer.StatusLeft, at(2)))))},
		{"who was completed by a write is not admitted", refused(participations(admitted(becoming(consumer.StatusCompleted, at(2)))))},
		{"a participation has expired at its expiry", refused(participations(expiring(5)))},
		{"a participation is live a microsecond before its expiry", func(t *testing.T, store consumer.Store) {
			write(t, store, participations(expiring(5)))
			wantCompleted(t, store, completion(completedAt(at(5).Add(-time.Nanosecond))))
		}},
		{"an ended admission is not live", refused(admissions(admission(ended(at(4)))), ofRelease)},
		{"an admission with an end in the future is not live", refused(admissions(admission(ended(at(9)))), ofRelease)},
		{"an admission has expired at its expiry", refused(admissions(admission(func(a *consumer.Admission) { a.ExpiresAt = new(at(5)) })), ofRelease)},
		{"an admission is live before its expiry", func(t *testing.T, store consumer.Store) {
			write(t, store, admissions(admission(func(a *consumer.Admission) { a.ExpiresAt = new(at(5).Add(time.Microsecond)) })))
			wantCompleted(t, store, completion(ofRelease))
		}},
		{"a refused completion may succeed once the token is live", func(t *testing.T, store consumer.Store) {
			wantNotCompleted(t, store, completion(byOrder("order_2")), consumer.ErrNotAdmitted)
			write(t, store, participations(admitted()))
			wantCompleted(t, store, completion())
		}},
		{"every bad field is named", func(t *testing.T, store consumer.Store) {
			result, err := complete(t.Context(), store, consumer.Completion{
				OrganizationID: "a/b", ConsumerID: "me", DistributionType: consumer.Waitlist, DistributionID: "", AdmissionToken: "a\x00", OrderID: "..",
			})
			wantInvalidFields(t, err, "organizationId", "consumerId", "distributionId", "admissionToken", "orderId", "at", "distributionType")
			if result != (consumer.CompletionResult{}) {
				t.Errorf("Complete returned %+v with the error", result)
			}
		}},
		{"no error contains the token or the order", func(t *testing.T, store consumer.Store) {
			write(t, store, participations(admitted()))
			wantCompleted(t, store, completion())
			for _, c := range []consumer.Completion{completion(byOrder("order_2")), completion(func(c *consumer.Completion) { c.AdmissionToken = "token_2" })} {
				_, err := complete(t.Context(), store, c)
				wantNoTextOf(t, err, theToken, "token_2", "order_1", "order_2", person)
			}
		}},
		{"a context that has ended ends the call, and nothing is stored", func(t *testing.T, store consumer.Store) {
			write(t, store, participations(admitted()))
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := complete(ctx, store, completion()); !errors.Is(err, context.Canceled) {
				t.Errorf("Complete returned the error %v, want context.Canceled", err)
			}
			wantCompleted(t, store, completion(byOrder("order_2")))
		}},
	}
}

func wantNoTextOf(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, text := range texts {
		if strings.Contains(err.Error(), text) {
			t.Errorf("the error contains %q: %v", text, err)
		}
	}
}

func completionLifecycleCases() []storeCase {
	return []storeCase{
		{"an erased consumer is refused", func(t *testing.T, store consumer.Store) {
			write(t, store, participations(admitted()))
			wantCompleted(t, store, completion())
			erase(t, store, organization, person)
			wantNotCompleted(t, store, completion(), consumer.ErrErased)
			wantNotCompleted(t, store, completion(byOrder("order_2")), consumer.ErrErased)
			var erased *consumer.ErasedError
			_, err := complete(t.Context(), store, completion())
			if want := []consumer.Key{completion().Key()}; !errors.As(err, &erased) || !slices.Equal(erased.Consumers, want) {
				t.Errorf("the error is %v, want an *consumer.ErasedError with %v", err, want)
			}
		}},
		{"an erasure in another organization does not matter", func(t *testing.T, store consumer.Store) {
			write(t, store, participations(admitted()))
			wantCompleted(t, store, completion())
			erase(t, store, otherOrganization, person)
			wantCompletion(t, store, completion(), consumer.CompletionResult{CompletedAt: at(5), Repeated: true})
		}},
		{"an admission of a merged guest is the consumer's", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), movedToOther(participations(admitted()))))
			wantMerge(t, store, 1, 0)
			wantCompleted(t, store, completion(byOther))
			wantCompletion(t, store, completion(), consumer.CompletionResult{CompletedAt: at(5), Repeated: true})
			wantNotCompleted(t, store, completion(byOther, byOrder("order_2")), consumer.ErrAlreadyCompleted)
			wantSnapshot(t, store, profiles(profile()))
		}},
		{"the completion of a merged guest is reported for the consumer", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), movedToOther(participations(admitted()))))
			wantMerge(t, store, 1, 0)
			l := follow(t, store)
			wantCompleted(t, store, completion(byOther))
			l.want(t, person)
		}},
		{"a merge moves what the guest has completed", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), movedToOther(together(participations(admitted()), admissions(admission())))))
			wantCompleted(t, store, completion(byOther))
			wantCompleted(t, store, completion(ofRelease, byOther))
			wantMerge(t, store, 2, 0)
			for _, c := range []consumer.Completion{completion(), completion(ofRelease), completion(byOther)} {
				wantCompletion(t, store, c, consumer.CompletionResult{CompletedAt: at(5), Repeated: true})
			}
			wantNotCompleted(t, store, completion(byOrder("order_2")), consumer.ErrAlreadyCompleted)
			erase(t, store, organization, person)
			wantNotCompleted(t, store, completion(), consumer.ErrErased)
		}},
		{"where both have completed the same token, the consumer's remains", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), participations(admitted()), movedToOther(participations(admitted()))))
			wantCompleted(t, store, completion(completedAt(at(6))))
			wantCompleted(t, store, completion(byOther, byOrder("order_2")))
			wantMerge(t, store, 0, 1)
			wantCompletion(t, store, completion(), consumer.CompletionResult{CompletedAt: at(6), Repeated: true})
			wantNotCompleted(t, store, completion(byOrder("order_2")), consumer.ErrAlreadyCompleted)
		}},
		{"a merge that is only tried moves no completion", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), movedToOther(participations(admitted()))))
			wantCompleted(t, store, completion(byOther))
			if _, err := store.Merge(t.Context(), consumer.Merge{OrganizationID: organization, GuestID: otherPerson, ConsumerID: person, DryRun: true}); err != nil {
				t.Fatal(err)
			}
			wantNotCompleted(t, store, completion(), consumer.ErrNotAdmitted)
			wantCompletion(t, store, completion(byOther), consumer.CompletionResult{CompletedAt: at(5), Repeated: true})
		}},
		{"a purge deletes a completion with its record, and does not count it", func(t *testing.T, store consumer.Store) {
			write(t, store, together(participations(admitted()), admissions(admission())))
			wantCompleted(t, store, completion())
			wantCompleted(t, store, completion(ofRelease))
			for _, c := range []struct {
				before time.Time
				want   consumer.PurgeResult
			}{{at(5), consumer.PurgeResult{}}, {at(6), consumer.PurgeResult{Records: 2}}} {
				if got, err := store.Purge(t.Context(), consumer.Purge{Before: c.before, Limit: 10}); err != nil || got != c.want {
					t.Fatalf("Purge returned %+v and the error %v, want %+v", got, err, c.want)
				}
				if c.want == (consumer.PurgeResult{}) {
					wantCompletion(t, store, completion(), consumer.CompletionResult{CompletedAt: at(5), Repeated: true})
				}
			}
			wantNotCompleted(t, store, completion(), consumer.ErrNotAdmitted)
			wantNotCompleted(t, store, completion(ofRelease), consumer.ErrNotAdmitted)
			write(t, store, participations(admitted()))
			wantCompleted(t, store, completion(byOrder("order_2")))
		}},
		{"a purge of one record leaves the completion of the other", func(t *testing.T, store consumer.Store) {
			// The token of the participation was completed. The admission ended long before.
			write(t, store, together(participations(admitted()), admissions(admission(inQueue, ended(at(1))))))
			wantCompleted(t, store, completion())
			wantPurge(t, store, at(2), 10, 1)
			wantCompletion(t, store, completion(), consumer.CompletionResult{CompletedAt: at(5), Repeated: true})
		}},
		{"a purge of a participation leaves the completion of the admission", func(t *testing.T, store consumer.Store) {
			write(t, store, together(participations(admitted(becoming(consumer.StatusLeft, at(1)))), admissions(admission(inQueue))))
			wantCompleted(t, store, completion())
			wantPurge(t, store, at(2), 10, 1)
			wantCompletion(t, store, completion(), consumer.CompletionResult{CompletedAt: at(5), Repeated: true})
		}},
		{"a purge of other records leaves a completion", func(t *testing.T, store consumer.Store) {
			left := admitted(becoming(consumer.StatusLeft, at(1)))
			other := left
			other.OrganizationID = otherOrganization
			write(t, store, together(participations(admitted(), other, admitted(inDistribution("queue_2"), becoming(consumer.StatusLeft, at(1)))),
				movedToOther(participations(left))))
			wantCompleted(t, store, completion())
			wantPurge(t, store, at(2), 10, 3)
			wantCompletion(t, store, completion(), consumer.CompletionResult{CompletedAt: at(5), Repeated: true})
		}},
	}
}

// testConcurrentCompletions has ten orders try at the same time, each twice.
func testConcurrentCompletions(t *testing.T, store consumer.Store) {
	const rounds, orders = 10, 10
	for round := range rounds {
		id := fmt.Sprintf("queue_%d", round)
		write(t, store, participations(admitted(inDistribution(id))))
		var first, repeated, refused atomic.Int64
		start := make(chan struct{})
		var all sync.WaitGroup
		for n := range 2 * orders {
			all.Go(func() {
				<-start
				result, err := complete(t.Context(), store, completion(byOrder(fmt.Sprintf("order_%d", n/2)), func(c *consumer.Completion) { c.DistributionID = id }))
				switch {
				case err == nil && result.Repeated:
					repeated.Add(1)
				case err == nil:
					first.Add(1)
				case errors.Is(err, consumer.ErrAlreadyCompleted):
					refused.Add(1)
				default:
					t.Errorf("Complete: %v", err)
				}
			})
		}
		close(start)
		all.Wait()
		if first.Load() != 1 || repeated.Load() != 1 || refused.Load() != 2*orders-2 {
			t.Errorf("%d completed, %d repeated, %d were refused", first.Load(), repeated.Load(), refused.Load())
		}
	}
}

func testEraseDuringCompletions(t *testing.T, store consumer.Store) {
	const queues = 40
	var all consumer.Batch
	for n := range queues {
		all.Participations = append(all.Participations, admitted(inDistribution(fmt.Sprintf("queue_%d", n))))
	}
	write(t, store, all)
	begun := make(chan struct{})
	var completers sync.WaitGroup
	for w := range 4 {
		completers.Go(func() {
			for n := w; n < queues; n += 4 {
				_, err := complete(t.Context(), store, completion(func(c *consumer.Completion) { c.DistributionID = fmt.Sprintf("queue_%d", n) }))
				if n == 0 {
					close(begun)
				}
				if err != nil && !errors.Is(err, consumer.ErrErased) {
					t.Errorf("Complete: %v", err)
				}
			}
		})
	}
	<-begun
	erase(t, store, organization, person)
	completers.Wait()
	wantNothing(t, store, person)
}

// testCompletionsDuringWrites completes admissions of guests while they are merged, records are
// purged, and engines repeat their writes. What was completed stays completed.
func testCompletionsDuringWrites(t *testing.T, store consumer.Store) {
	const guests = 20
	write(t, store, profiles(profile()))
	of := func(n int) (consumer.Batch, consumer.Completion) {
		id := fmt.Sprintf("guest_%d", n)
		batch := together(participations(admitted(inDistribution(id))), admissions(admission(inQueue, func(a *consumer.Admission) { a.DistributionID = id })))
		batch.Participations[0].ConsumerID, batch.Admissions[0].ConsumerID = id, id
		return batch, completion(func(c *consumer.Completion) { c.ConsumerID, c.DistributionID = id, id })
	}
	for n := range guests {
		batch, _ := of(n)
		write(t, store, batch)
	}
	each := func(do func(n int) error) func() {
		return func() {
			for n := range guests {
				if err := do(n); err != nil {
					t.Errorf("guest %d: %v", n, err)
				}
			}
		}
	}
	var all sync.WaitGroup
	var completed atomic.Int64
	for range 2 {
		all.Go(each(func(n int) error {
			_, c := of(n)
			result, err := complete(t.Context(), store, c)
			if err == nil && !result.Repeated {
				completed.Add(1)
			}
			return err
		}))
	}
	all.Go(each(func(n int) error {
		batch, _ := of(n)
		_, err := store.Write(t.Context(), batch)
		return err
	}))
	all.Go(each(func(n int) error {
		_, err := store.Merge(t.Context(), consumer.Merge{OrganizationID: organization, GuestID: fmt.Sprintf("guest_%d", n), ConsumerID: person})
		return err
	}))
	all.Go(each(func(int) error {
		_, err := store.Purge(t.Context(), consumer.Purge{Before: at(1), Limit: 100})
		return err
	}))
	all.Wait()
	if n := completed.Load(); n != guests {
		t.Errorf("%d admissions were completed, want %d", n, guests)
	}
	wantSnapshot(t, store, profiles(profile()))
	for n := range guests {
		_, c := of(n)
		wantCompletion(t, store, c, consumer.CompletionResult{CompletedAt: at(5), Repeated: true})
	}
}

// attempt is a call of a completer and its outcome.
type attempt struct {
	consumer.Completion
	result consumer.CompletionResult
	err    error
}

// testCompletionRaces draws what two records hold, lets completers with any tokens, orders and
// times compete while an engine repeats its writes, and requires an outcome that some sequence
// of the same calls has.
func testCompletionRaces(t *testing.T, store consumer.Store) {
	var races atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		organizationID := fmt.Sprintf("org_race_%d", races.Add(1))
		records := drawCompletable(rt, organizationID)
		model := new(Model)
		for _, s := range []consumer.Store{store, model} {
			if _, err := s.Write(t.Context(), records); err != nil {
				rt.Fatalf("Write: %v", err)
			}
		}
		attempts := make([]attempt, rapid.IntRange(2, 6).Draw(rt, "attempts"))
		for i := range attempts {
			attempts[i].Completion = drawCompletion(rt, organizationID)
			attempts[i].ConsumerID = person
		}
		var all sync.WaitGroup
		for i := range attempts {
			all.Go(func() {
				attempts[i].result, attempts[i].err = complete(t.Context(), store, attempts[i].Completion)
			})
		}
		all.Go(func() {
			if result, err := store.Write(t.Context(), records); err != nil || result.Applied > 0 {
				rt.Errorf("a repeated write returned %+v and the error %v", result, err)
			}
		})
		all.Wait()

		// One order that has the same results: first those that were not admitted, which
		// change nothing, then those who completed a token, then the rest.
		slices.SortStableFunc(attempts, func(a, b attempt) int { return a.rank() - b.rank() })
		for _, a := range attempts {
			want, wantErr := model.Complete(t.Context(), a.Completion)
			if !sameError(a.err, wantErr) {
				rt.Fatalf("%+v: the error is %v, the model's %v", a.Completion, a.err, wantErr)
			}
			if diff := gocmp.Diff(want, a.result); diff != "" {
				rt.Fatalf("%+v (-model +store):\n%s", a.Completion, diff)
			}
		}
		wantSameExport(t, rt, model, store, organizationID)
	})
}

func (a attempt) rank() int {
	switch {
	case errors.Is(a.err, consumer.ErrNotAdmitted):
		return 0
	case a.err == nil && !a.result.Repeated:
		return 1
	}
	return 2
}

// sameError reports whether two errors match the same error of package consumer.
func sameError(a, b error) bool {
	for _, target := range []error{consumer.ErrNotAdmitted, consumer.ErrAlreadyCompleted, consumer.ErrErased, consumer.ErrNotFound} {
		if errors.Is(a, target) || errors.Is(b, target) {
			return errors.Is(a, target) && errors.Is(b, target)
		}
	}
	return a == nil && b == nil
}

func wantSameExport(t *testing.T, rt *rapid.T, model, store consumer.Store, organizationID string) {
	for _, id := range []string{person, otherPerson} {
		key := consumer.Key{OrganizationID: organizationID, ConsumerID: id}
		want, wantErr := model.Export(t.Context(), key)
		got, err := store.Export(t.Context(), key)
		if !sameError(err, wantErr) {
			rt.Fatalf("Export returned the error %v, the model's %v", err, wantErr)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			rt.Fatalf("export (-model +store):\n%s", diff)
		}
	}
}

// drawCompletable returns a participation and an admission of the same distribution, each of
// which may be missing, ended, expiring or without a known token.
func drawCompletable(rt *rapid.T, organizationID string) consumer.Batch {
	tokens := []string{theToken, theToken, "token_2"}
	expiry := rapid.SampledFrom([]*time.Time{nil, nil, new(at(3)), new(at(6))})
	var records consumer.Batch
	if status := rapid.SampledFrom([]consumer.Status{"", consumer.StatusQueued, consumer.StatusLeft, consumer.StatusAdmitted, consumer.StatusAdmitted}).Draw(rt, "status"); status != "" {
		p := participation(becoming(status, at(rapid.IntRange(0, 9).Draw(rt, "moment"))))
		if status != consumer.StatusQueued {
			p.AdmissionToken = new(rapid.SampledFrom(tokens).Draw(rt, "token"))
		}
		p.OrganizationID, p.ExpiresAt = organizationID, expiry.Draw(rt, "expires")
		records.Participations = []consumer.Participation{p}
	}
	if rapid.IntRange(0, 2).Draw(rt, "admission") > 0 {
		a := admission(inQueue, func(a *consumer.Admission) {
			a.OrganizationID, a.AdmissionToken, a.ExpiresAt = organizationID, rapid.SampledFrom(tokens).Draw(rt, "token"), expiry.Draw(rt, "expires")
			a.UpdatedAt = at(rapid.IntRange(0, 9).Draw(rt, "moment"))
		})
		if rapid.IntRange(0, 4).Draw(rt, "ended") == 0 {
			a.EndedAt = new(a.UpdatedAt)
		}
		records.Admissions = []consumer.Admission{a}
	}
	return records
}

func drawCompletion(rt *rapid.T, organizationID string) consumer.Completion {
	return completion(byOrder(rapid.SampledFrom([]string{"order_1", "order_2"}).Draw(rt, "order")), completedAt(at(rapid.IntRange(1, 7).Draw(rt, "at"))),
		func(c *consumer.Completion) {
			c.OrganizationID = organizationID
			c.ConsumerID = rapid.SampledFrom([]string{person, person, otherPerson}).Draw(rt, "consumer")
			c.AdmissionToken = rapid.SampledFrom([]string{theToken, "token_2"}).Draw(rt, "token")
		})
}

// testCompletionHistories makes the same calls of the store and of a [Model].
func testCompletionHistories(t *testing.T, store consumer.Store) {
	var histories atomic.Int64
	_, records := store.(event.Recorder)
	rapid.Check(t, func(rt *rapid.T) {
		organizationID := fmt.Sprintf("org_completion_%d", histories.Add(1))
		model := new(Model)
		events := 0
		both := func(call func(consumer.Store) (any, error)) {
			want, wantErr := call(model)
			got, err := call(store)
			if !sameError(err, wantErr) {
				rt.Fatalf("the error is %v, the model's %v", err, wantErr)
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				rt.Fatalf("result (-model +store):\n%s", diff)
			}
			wantSameExport(t, rt, model, store, organizationID)
		}
		known := profiles(profile(), profile(func(c *consumer.Consumer) { c.ID = otherPerson }))
		for i := range known.Consumers {
			known.Consumers[i].OrganizationID = organizationID
		}
		both(func(s consumer.Store) (any, error) { return s.Write(t.Context(), known) })
		for range rapid.IntRange(2, 12).Draw(rt, "calls") {
			both(drawCompletionCall(t.Context(), rt, organizationID, &events, records))
		}
	})
}

// drawCompletionCall returns a call of any method that changes what is completed, or what can be.
func drawCompletionCall(ctx context.Context, rt *rapid.T, organizationID string, events *int, records bool) func(consumer.Store) (any, error) {
	consumers := rapid.SampledFrom([]string{person, otherPerson})
	kind := rapid.SampledFrom([]string{"write", "write", "event", "complete", "complete", "complete", "complete", "purge", "merge", "erase"}).Draw(rt, "call")
	if kind == "event" && !records {
		kind = "write"
	}
	switch kind {
	case "write":
		batch := drawCompletable(rt, organizationID)
		if rapid.Bool().Draw(rt, "other") {
			batch = movedToOther(batch)
		}
		return func(s consumer.Store) (any, error) { return s.Write(ctx, batch) }
	case "event":
		*events++
		e := about(rapid.SampledFrom([]event.Type{event.QueueEntered, event.QueueAdmitted, event.QueueAdmitted, event.QueueLeft}).Draw(rt, "type"),
			fmt.Sprintf("e%d", *events), rapid.IntRange(0, 9).Draw(rt, "moment"))
		e.OrganizationID, e.ConsumerID = organizationID, consumers.Draw(rt, "consumer")
		if e.Type == event.QueueAdmitted {
			e.Token = rapid.SampledFrom([]string{theToken, "token_2"}).Draw(rt, "token")
		}
		return func(s consumer.Store) (any, error) { return s.(event.Recorder).RecordEvent(ctx, e) }
	case "purge":
		purge := consumer.Purge{Before: at(rapid.IntRange(0, 9).Draw(rt, "before")), Limit: 1000}
		return func(s consumer.Store) (any, error) {
			_, err := s.Purge(ctx, purge) // which also deletes records of earlier histories
			return nil, err
		}
	case "merge":
		m := consumer.Merge{OrganizationID: organizationID, GuestID: otherPerson, ConsumerID: person, DryRun: rapid.Bool().Draw(rt, "dry run")}
		return func(s consumer.Store) (any, error) { return s.Merge(ctx, m) }
	case "erase":
		key := consumer.Key{OrganizationID: organizationID, ConsumerID: consumers.Draw(rt, "consumer")}
		return func(s consumer.Store) (any, error) { return nil, s.Erase(ctx, key) }
	}
	c := drawCompletion(rt, organizationID)
	return func(s consumer.Store) (any, error) { return complete(ctx, s, c) }
}
