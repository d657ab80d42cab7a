package memory

import (
	"context"
	"errors"
	"maps"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
)

// eventKey identifies an event.
type eventKey struct{ organizationID, id string }

// recordedEvent is an event as the model keeps it.
type recordedEvent struct {
	event.Event
	// consumer is the consumer that the event is about, after all merges. It has no id if
	// the event is about an auction itself.
	consumer consumer.Key
	// ofGuest reports whether that consumer is not the one that the event names.
	ofGuest bool
}

// settles reports whether the event is about a distribution itself.
func (e recordedEvent) settles(key consumer.DistributionKey) bool {
	d, ok := e.Distribution()
	return ok && d.Key() == key
}

// RecordEvent implements [event.Recorder].
func (m *Store) RecordEvent(ctx context.Context, e event.Event) (event.Result, error) {
	switch prepared, err := e.Prepare(); {
	case errors.Is(err, event.ErrIgnored):
		return event.Ignored, nil
	case err != nil:
		return "", err
	default:
		e = prepared
	}
	end, err := m.beginChange(ctx)
	if err != nil {
		return "", err
	}
	defer end()
	named := consumer.Key{OrganizationID: e.OrganizationID, ConsumerID: e.ConsumerID}
	if m.erased[named] {
		return event.Ignored, nil
	}
	key := eventKey{e.OrganizationID, e.ID}
	if _, known := m.events[key]; known {
		return event.Duplicate, nil
	}
	of := named
	target, ofGuest := m.aliases[named]
	if ofGuest {
		of = target
	}
	m.events[key] = recordedEvent{Event: e, consumer: of, ofGuest: ofGuest}
	if d, ok := e.Distribution(); ok {
		m.changed([]consumer.Distribution{d})
	} else {
		m.changed(nil, of)
	}
	return event.Applied, nil
}

func (m *Store) hasEvents(key consumer.Key) bool {
	for _, e := range m.events {
		if e.consumer == key {
			return true
		}
	}
	return false
}

// folded returns the records that follow from the events about a consumer.
func (m *Store) folded(key consumer.Key) event.Records {
	var events []event.Event
	for _, e := range m.events {
		if e.consumer == key && !(e.ofGuest && e.Type == event.ConsumerCreated) {
			events = append(events, e.Event)
		}
	}
	return event.Fold(key, events)
}

// profile returns the profile that counts.
func (m *Store) profile(key consumer.Key) (consumer.Consumer, bool) {
	written, ok := m.consumers[key]
	folded := m.folded(key).Profile
	if folded != nil && (!ok || folded.UpdatedAt.After(written.UpdatedAt)) {
		return *folded, true
	}
	return written, ok
}

// counting returns the participations of all consumers that count.
func (m *Store) counting() map[recordKey]consumer.Participation {
	all := maps.Clone(m.participations)
	consumers := make(map[consumer.Key]bool)
	for _, e := range m.events {
		consumers[e.consumer] = true
	}
	for key := range consumers {
		for _, p := range m.folded(key).Participations {
			if written, ok := all[participationKey(p)]; !ok || p.UpdatedAt.After(written.UpdatedAt) {
				all[participationKey(p)] = p
			}
		}
	}
	return all
}

// allDistributions returns the distributions that have a record.
func (m *Store) allDistributions() map[consumer.DistributionKey]bool {
	all := make(map[consumer.DistributionKey]bool)
	for key := range m.distributions {
		all[key] = true
	}
	for _, e := range m.events {
		if d, ok := e.Distribution(); ok {
			all[d.Key()] = true
		}
	}
	return all
}

// distribution returns the record of a distribution that counts.
func (m *Store) distribution(key consumer.DistributionKey) (distribution, bool) {
	written, ok := m.distributions[key]
	var folded distribution
	settled := false
	for _, e := range m.events {
		if !e.settles(key) {
			continue
		}
		d, _ := e.Distribution()
		if next := newDistribution(d); !settled || next.Version().Compare(folded.Version()) > 0 {
			folded, settled = next, true
		}
	}
	if settled && (!ok || folded.UpdatedAt.After(written.UpdatedAt)) {
		return folded, true
	}
	return written, ok
}

// deleteParticipation deletes the written participation and the events from which the other
// one follows. It returns the number of deleted events.
func (m *Store) deleteParticipation(key recordKey) (events int) {
	isFolded := func(p consumer.Participation) bool { return participationKey(p) == key }
	before := m.folded(key.Key).Participations
	wasFolded := false
	for _, p := range before {
		wasFolded = wasFolded || isFolded(p)
	}
	delete(m.participations, key)
	events = m.deleteEvents(func(e recordedEvent) bool {
		kind, id, ok := e.Participation()
		return ok && e.consumer == key.Key && kind == key.distributionType && id == key.id
	})
	if wasFolded && len(before) == 1 {
		events += m.deleteEvents(func(e recordedEvent) bool {
			return e.consumer == key.Key && (e.Type == event.OrderCreated || e.Type == event.OrderCompleted)
		})
	}
	return events
}

// deleteEvents returns the number of deleted events.
func (m *Store) deleteEvents(matches func(recordedEvent) bool) (deleted int) {
	for key, e := range m.events {
		if matches(e) {
			delete(m.events, key)
			deleted++
		}
	}
	return deleted
}
