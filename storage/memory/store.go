package memory

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
)

// Store is a [consumer.Store] in memory, for tests and demonstrations. It is a plain
// implementation of the contract: package storagetest compares other stores with it. It also
// implements [consumer.ExactChangeFeed], [event.Recorder] and [consumer.Completer]. The zero Store is empty and
// ready to use, its methods are safe for concurrent use, and nothing is kept when the
// process ends. Reading one consumer takes time in proportion to the number of all records.
type Store struct {
	mu sync.Mutex
	// The records that were written.
	consumers      map[consumer.Key]consumer.Consumer
	participations map[recordKey]consumer.Participation
	admissions     map[recordKey]consumer.Admission
	distributions  map[consumer.DistributionKey]distribution
	// events are folded whenever a record is read.
	events      map[eventKey]recordedEvent
	completions map[completionKey]completion
	erased      map[consumer.Key]bool
	// aliases holds, for each merged guest, the consumer that it was merged into.
	aliases   map[consumer.Key]consumer.Key
	apiKeys   map[[32]byte]consumer.APIKey
	followers map[*follower]bool
}

type recordKey struct {
	consumer.Key
	distributionType consumer.DistributionType
	id               string
}

// distribution is a record as a store keeps it.
type distribution struct {
	consumer.Distribution // without WinnerID
	version               consumer.Version
	winner                *[32]byte // the digest of the winner
}

func newDistribution(d consumer.Distribution) distribution {
	kept := distribution{Distribution: d, version: d.Version()}
	if d.WinnerID != nil {
		kept.winner = new(consumer.Key{OrganizationID: d.OrganizationID, ConsumerID: *d.WinnerID}.Digest())
	}
	kept.WinnerID = nil
	return kept
}

// Version makes the distribution comparable as it was written, with its winner.
func (d distribution) Version() consumer.Version { return d.version }

// ends reports whether the distribution ended a participation before a time.
func (d distribution) ends(p consumer.Participation, before time.Time, winner bool) bool {
	return d.EndedAt != nil && d.EndedAt.Before(before) && !p.Admitting() && !winner
}

var (
	_ consumer.Store           = (*Store)(nil)
	_ consumer.ExactChangeFeed = (*Store)(nil)
	_ event.Recorder           = (*Store)(nil)
	_ consumer.Completer       = (*Store)(nil)
)

// begin locks the model for one call. It returns an error if ctx has ended, and otherwise a
// function that unlocks the model.
func (m *Store) begin(ctx context.Context) (end func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	if m.consumers == nil {
		m.consumers = make(map[consumer.Key]consumer.Consumer)
		m.participations = make(map[recordKey]consumer.Participation)
		m.admissions = make(map[recordKey]consumer.Admission)
		m.distributions = make(map[consumer.DistributionKey]distribution)
		m.events = make(map[eventKey]recordedEvent)
		m.completions = make(map[completionKey]completion)
		m.erased = make(map[consumer.Key]bool)
		m.aliases = make(map[consumer.Key]consumer.Key)
		m.apiKeys = make(map[[32]byte]consumer.APIKey)
		m.followers = make(map[*follower]bool)
	}
	return m.mu.Unlock, nil
}

// beginChange is like begin. The function that it returns also notifies the followers of
// what the call changed.
func (m *Store) beginChange(ctx context.Context) (end func(), err error) {
	unlock, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	return func() {
		followers := slices.Collect(maps.Keys(m.followers))
		unlock()
		for _, f := range followers {
			m.deliver(f)
		}
	}, nil
}

// Consumer implements [consumer.Reader].
func (m *Store) Consumer(ctx context.Context, key consumer.Key) (consumer.Consumer, error) {
	s, err := m.Snapshot(ctx, key)
	return s.Consumer, err
}

// Consumers implements [consumer.BulkReader].
func (m *Store) Consumers(ctx context.Context, organizationID string, consumerIDs []string) (map[string]consumer.Consumer, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	found := make(map[string]consumer.Consumer)
	for _, id := range consumerIDs {
		if c, ok := m.profile(consumer.Key{OrganizationID: organizationID, ConsumerID: id}); ok {
			found[id] = copyConsumer(c)
		}
	}
	return found, nil
}

// Snapshot implements [consumer.Reader].
func (m *Store) Snapshot(ctx context.Context, key consumer.Key) (consumer.Snapshot, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return consumer.Snapshot{}, err
	}
	defer end()
	profile, ok := m.profile(key)
	if !ok {
		return consumer.Snapshot{}, consumer.ErrNotFound
	}
	records := m.recordsOf(key, hasNotEnded)
	return consumer.Snapshot{
		Consumer:       copyConsumer(profile),
		Participations: records.Participations,
		Admissions:     records.Admissions,
		Distributions:  m.distributionsOf(key, records.Participations),
	}, nil
}

// Distribution implements [consumer.DistributionReader].
func (m *Store) Distribution(ctx context.Context, key consumer.DistributionKey) (consumer.Distribution, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return consumer.Distribution{}, err
	}
	defer end()
	d, ok := m.distribution(key)
	if !ok {
		return consumer.Distribution{}, consumer.ErrNotFound
	}
	return copyDistribution(d.Distribution), nil
}

// recordsOf returns the records of a consumer whose version matches.
func (m *Store) recordsOf(key consumer.Key, matches func(consumer.Version) bool) consumer.Batch {
	var records consumer.Batch
	for k, p := range m.counting() {
		if k.Key == key && matches(p.Version()) {
			records.Participations = append(records.Participations, copyParticipation(p))
		}
	}
	for k, a := range m.admissions {
		if k.Key == key && matches(a.Version()) {
			records.Admissions = append(records.Admissions, copyAdmission(a))
		}
	}
	return records
}

func hasNotEnded(v consumer.Version) bool { return v.Rank < consumer.TerminalRank }

func whatever(consumer.Version) bool { return true }

// distributionsOf returns the records of the distributions that a consumer's participations
// are in.
func (m *Store) distributionsOf(key consumer.Key, participations []consumer.Participation) []consumer.Distribution {
	var found []consumer.Distribution
	for _, p := range participations {
		d, ok := m.distribution(distributionOf(p))
		if !ok {
			continue
		}
		shown := copyDistribution(d.Distribution)
		if m.won(key, d) {
			shown.WinnerID = &key.ConsumerID
		}
		found = append(found, shown)
	}
	return found
}

// won reports whether a consumer won a distribution: as itself, or as a guest that was
// merged into it.
func (m *Store) won(key consumer.Key, d distribution) bool {
	if d.winner == nil || d.OrganizationID != key.OrganizationID {
		return false
	}
	if key.Digest() == *d.winner {
		return true
	}
	for guest, target := range m.aliases {
		if target == key && guest.Digest() == *d.winner {
			return true
		}
	}
	return false
}

// Export implements [consumer.Lifecycle].
func (m *Store) Export(ctx context.Context, key consumer.Key) (consumer.Export, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return consumer.Export{}, err
	}
	defer end()
	records := m.recordsOf(key, whatever)
	export := consumer.Export{
		Participations: append([]consumer.Participation{}, records.Participations...), // never nil
		Admissions:     append([]consumer.Admission{}, records.Admissions...),
		Distributions:  m.distributionsOf(key, records.Participations),
	}
	if profile, ok := m.profile(key); ok {
		export.Consumer = new(copyConsumer(profile))
	}
	if export.Consumer == nil && records.Records() == 0 && !m.hasEvents(key) {
		return consumer.Export{}, consumer.ErrNotFound
	}
	slices.SortFunc(export.Participations, func(a, b consumer.Participation) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(export.Admissions, func(a, b consumer.Admission) int {
		return cmp.Or(cmp.Compare(a.DistributionType, b.DistributionType), cmp.Compare(a.DistributionID, b.DistributionID))
	})
	return export, nil
}

// Write implements [consumer.Writer].
func (m *Store) Write(ctx context.Context, batch consumer.Batch) (consumer.WriteResult, error) {
	if err := ctx.Err(); err != nil {
		return consumer.WriteResult{}, err
	}
	batch, err := batch.Prepare()
	if err != nil {
		return consumer.WriteResult{}, err
	}
	end, err := m.beginChange(ctx)
	if err != nil {
		return consumer.WriteResult{}, err
	}
	defer end()
	var erased []consumer.Key
	for _, key := range batch.ConsumerKeys() {
		if m.erased[key] {
			erased = append(erased, key)
		}
	}
	if len(erased) > 0 {
		return consumer.WriteResult{}, &consumer.ErasedError{Consumers: erased}
	}
	if m.conflicts(batch.APIKeys) {
		return consumer.WriteResult{}, consumer.ErrConflict
	}
	records := batch.Records()
	batch = m.followAliases(batch)
	applied := m.put(batch)
	if applied > 0 {
		m.changed(batch.Distributions, batch.ConsumerKeys()...)
	}
	for _, k := range batch.APIKeys {
		if _, known := m.apiKeys[k.Digest]; !known {
			m.apiKeys[k.Digest] = copyAPIKey(k)
		}
	}
	return consumer.WriteResult{Applied: applied, Stale: records - applied}, nil
}

// followAliases returns the batch with the records about guests as those of the consumers
// that they were merged into, and without the profiles of guests.
func (m *Store) followAliases(batch consumer.Batch) consumer.Batch {
	var consumers []consumer.Consumer
	for _, c := range batch.Consumers {
		if _, merged := m.aliases[consumerKey(c)]; !merged {
			consumers = append(consumers, c)
		}
	}
	batch.Consumers = consumers
	for i := range batch.Participations {
		p := &batch.Participations[i]
		if target, merged := m.aliases[participationKey(*p).Key]; merged {
			p.ConsumerID = target.ConsumerID
		}
	}
	for i := range batch.Admissions {
		a := &batch.Admissions[i]
		if target, merged := m.aliases[admissionKey(*a).Key]; merged {
			a.ConsumerID = target.ConsumerID
		}
	}
	return batch
}

// put returns the number of records that changed.
func (m *Store) put(batch consumer.Batch) (applied int) {
	var distributions []distribution
	for _, d := range batch.Distributions {
		distributions = append(distributions, newDistribution(copyDistribution(d)))
	}
	return putGreatest(m.consumers, batch.Consumers, consumerKey, copyConsumer) +
		putGreatest(m.participations, batch.Participations, participationKey, copyParticipation) +
		putGreatest(m.admissions, batch.Admissions, admissionKey, copyAdmission) +
		putGreatest(m.distributions, distributions, func(d distribution) consumer.DistributionKey { return d.Key() },
			func(d distribution) distribution { return d })
}

func (m *Store) conflicts(keys []consumer.APIKey) bool {
	first := make(map[[32]byte]consumer.APIKey)
	for _, k := range keys {
		known, ok := m.apiKeys[k.Digest]
		if !ok {
			known, ok = first[k.Digest]
		}
		if ok && (known.OrganizationID != k.OrganizationID || known.Kind != k.Kind) {
			return true
		}
		first[k.Digest] = k
	}
	return false
}

func putGreatest[K comparable, R interface{ Version() consumer.Version }](
	stored map[K]R, records []R, keyOf func(R) K, copyOf func(R) R,
) int {
	changed := make(map[K]bool)
	for _, r := range records {
		key := keyOf(r)
		if old, ok := stored[key]; !ok || r.Version().Compare(old.Version()) > 0 {
			stored[key] = copyOf(r)
			changed[key] = true
		}
	}
	return len(changed)
}

// Erase implements [consumer.Lifecycle].
func (m *Store) Erase(ctx context.Context, key consumer.Key) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := key.Validate(); err != nil {
		return err
	}
	end, err := m.beginChange(ctx)
	if err != nil {
		return err
	}
	defer end()
	m.delete(key)
	m.erased[key] = true
	delete(m.aliases, key)
	for guest, target := range m.aliases {
		if target == key {
			m.erased[guest] = true
			delete(m.aliases, guest)
		}
	}
	return nil
}

// delete deletes all records about a consumer.
func (m *Store) delete(key consumer.Key) {
	m.changed(nil, key)
	delete(m.consumers, key)
	maps.DeleteFunc(m.participations, func(k recordKey, _ consumer.Participation) bool { return k.Key == key })
	maps.DeleteFunc(m.admissions, func(k recordKey, _ consumer.Admission) bool { return k.Key == key })
	maps.DeleteFunc(m.events, func(_ eventKey, e recordedEvent) bool { return e.consumer == key })
	maps.DeleteFunc(m.completions, func(k completionKey, _ completion) bool { return k.Key == key })
}

// Merge implements [consumer.Lifecycle].
func (m *Store) Merge(ctx context.Context, merge consumer.Merge) (consumer.WriteResult, error) {
	if err := ctx.Err(); err != nil {
		return consumer.WriteResult{}, err
	}
	if err := merge.Validate(); err != nil {
		return consumer.WriteResult{}, err
	}
	end, err := m.beginChange(ctx)
	if err != nil {
		return consumer.WriteResult{}, err
	}
	defer end()
	guest := consumer.Key{OrganizationID: merge.OrganizationID, ConsumerID: merge.GuestID}
	target := consumer.Key{OrganizationID: merge.OrganizationID, ConsumerID: merge.ConsumerID}
	_, guestKnown := m.profile(guest)
	_, targetKnown := m.profile(target)
	_, merged := m.aliases[guest]
	records := m.recordsOf(guest, whatever).Records()
	switch {
	case merged, m.erased[guest]:
		return consumer.WriteResult{}, nil
	case !targetKnown, !guestKnown && records == 0 && !m.hasEvents(guest):
		return consumer.WriteResult{}, consumer.ErrNotFound
	}
	if merge.DryRun {
		return m.twin().merge(guest, target), nil
	}
	return m.merge(guest, target), nil
}

// twin returns a model with the same records and no followers.
func (m *Store) twin() *Store {
	return &Store{
		consumers: maps.Clone(m.consumers), participations: maps.Clone(m.participations), admissions: maps.Clone(m.admissions),
		distributions: maps.Clone(m.distributions), events: maps.Clone(m.events), completions: maps.Clone(m.completions),
		erased: maps.Clone(m.erased), aliases: maps.Clone(m.aliases),
	}
}

// merge moves everything of the guest and counts the participations and admissions of the
// guest that changed the one of the target that counts.
func (m *Store) merge(guest, target consumer.Key) consumer.WriteResult {
	its, before := m.recordsOf(guest, whatever), m.recordsOf(target, whatever)
	m.changed(nil, target)
	var moved consumer.Batch
	for key, p := range m.participations {
		if key.Key == guest {
			p.ConsumerID = target.ConsumerID
			moved.Participations = append(moved.Participations, p)
		}
	}
	for _, a := range its.Admissions {
		a.ConsumerID = target.ConsumerID
		moved.Admissions = append(moved.Admissions, a)
	}
	m.put(moved)
	for key, e := range m.events {
		if e.consumer == guest {
			e.consumer = target
			e.ofGuest = true
			m.events[key] = e
		}
	}
	m.moveCompletions(guest, target)
	m.delete(guest)
	for other, successor := range m.aliases {
		if successor == guest {
			m.aliases[other] = target
		}
	}
	m.aliases[guest] = target

	after := m.recordsOf(target, whatever)
	applied := countChanged(its.Participations, before.Participations, after.Participations, distributionOf) +
		countChanged(its.Admissions, before.Admissions, after.Admissions, func(a consumer.Admission) consumer.DistributionKey {
			return consumer.DistributionKey{OrganizationID: a.OrganizationID, Type: a.DistributionType, ID: a.DistributionID}
		})
	return consumer.WriteResult{Applied: applied, Stale: its.Records() - applied}
}

// countChanged returns how many of the distributions of some records have another record
// after a change.
func countChanged[R interface{ Version() consumer.Version }](
	of, before, after []R, distribution func(R) consumer.DistributionKey,
) (changed int) {
	canonical := func(records []R, of R) string {
		for _, r := range records {
			if distribution(r) == distribution(of) {
				return string(r.Version().Canonical)
			}
		}
		return ""
	}
	for _, r := range of {
		if canonical(before, r) != canonical(after, r) {
			changed++
		}
	}
	return changed
}

// Purge implements [consumer.Lifecycle].
func (m *Store) Purge(ctx context.Context, purge consumer.Purge) (consumer.PurgeResult, error) {
	if err := ctx.Err(); err != nil {
		return consumer.PurgeResult{}, err
	}
	if err := purge.Validate(); err != nil {
		return consumer.PurgeResult{}, err
	}
	end, err := m.begin(ctx)
	if err != nil {
		return consumer.PurgeResult{}, err
	}
	defer end()
	before := consumer.NormalizeTime(purge.Before)
	var result consumer.PurgeResult
	for key, p := range m.counting() {
		d, _ := m.distribution(distributionOf(p))
		isOver := !hasNotEnded(p.Version()) || isBefore(p.ExpiresAt, before)
		isEndedMember := !isOver && d.ends(p, before, m.won(key.Key, d))
		if result.Records < purge.Limit && p.UpdatedAt.Before(before) && (isOver || isEndedMember) {
			result.Records++
			m.deleteCompletions(key, false)
			if isEndedMember {
				result.Members++
			}
			result.Events += m.deleteParticipation(key)
		}
	}
	for key, a := range m.admissions {
		isOver := a.UpdatedAt.Before(before) && (!hasNotEnded(a.Version()) || isBefore(a.ExpiresAt, before))
		if result.Records < purge.Limit && isOver {
			result.Records++
			m.deleteCompletions(key, true)
			delete(m.admissions, key)
		}
	}
	for key := range m.allDistributions() {
		d, _ := m.distribution(key)
		if result.Records+result.Distributions < purge.Limit &&
			d.UpdatedAt.Before(before) && isBefore(d.EndedAt, before) && !m.hasMembers(key) {
			result.Distributions++
			delete(m.distributions, key)
			result.Events += m.deleteEvents(func(e recordedEvent) bool { return e.settles(key) })
		}
	}
	return result, nil
}

func isBefore(t *time.Time, before time.Time) bool { return t != nil && t.Before(before) }

func (m *Store) hasMembers(key consumer.DistributionKey) bool {
	for _, p := range m.counting() {
		if distributionOf(p) == key {
			return true
		}
	}
	return false
}

// OrganizationByAPIKey implements [consumer.APIKeyFinder].
func (m *Store) OrganizationByAPIKey(ctx context.Context, digest [32]byte, now time.Time) (string, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return "", err
	}
	defer end()
	if k, ok := m.apiKeys[digest]; ok && k.ValidAt(now) {
		return k.OrganizationID, nil
	}
	return "", consumer.ErrNotFound
}

// APIKeys implements [consumer.APIKeyStore].
func (m *Store) APIKeys(ctx context.Context, organizationID string) ([]consumer.APIKey, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	var all []consumer.APIKey
	for _, k := range m.apiKeys {
		if k.OrganizationID == organizationID {
			all = append(all, copyAPIKey(k))
		}
	}
	slices.SortFunc(all, func(a, b consumer.APIKey) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), bytes.Compare(a.Digest[:], b.Digest[:]))
	})
	return all, nil
}

// RevokeAPIKey implements [consumer.APIKeyStore].
func (m *Store) RevokeAPIKey(ctx context.Context, organizationID string, digest [32]byte, at time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := consumer.ValidateRevocation(at); err != nil {
		return err
	}
	end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	k, ok := m.apiKeys[digest]
	if !ok || k.OrganizationID != organizationID {
		return consumer.ErrNotFound
	}
	if k.RevokedAt == nil || at.Before(*k.RevokedAt) {
		k.RevokedAt = new(consumer.NormalizeTime(at))
		m.apiKeys[digest] = k
	}
	return nil
}

func consumerKey(c consumer.Consumer) consumer.Key {
	return consumer.Key{OrganizationID: c.OrganizationID, ConsumerID: c.ID}
}

func participationKey(p consumer.Participation) recordKey {
	return recordKey{consumer.Key{OrganizationID: p.OrganizationID, ConsumerID: p.ConsumerID}, p.Type, p.ID}
}

func admissionKey(a consumer.Admission) recordKey {
	return recordKey{
		consumer.Key{OrganizationID: a.OrganizationID, ConsumerID: a.ConsumerID},
		a.DistributionType, a.DistributionID,
	}
}

func distributionOf(p consumer.Participation) consumer.DistributionKey {
	return consumer.DistributionKey{OrganizationID: p.OrganizationID, Type: p.Type, ID: p.ID}
}

// The copies share no memory with the original, so that neither the caller nor the model
// changes what the other one has.

func copyConsumer(c consumer.Consumer) consumer.Consumer {
	c.Email, c.Phone, c.FullName = copyOf(c.Email), copyOf(c.Phone), copyOf(c.FullName)
	return c
}

func copyParticipation(p consumer.Participation) consumer.Participation {
	p.Position, p.Ticket, p.BidCount = copyOf(p.Position), copyOf(p.Ticket), copyOf(p.BidCount)
	p.AdmittedAt, p.ExpiresAt, p.LastBidTime = copyOf(p.AdmittedAt), copyOf(p.ExpiresAt), copyOf(p.LastBidTime)
	p.AdmissionToken, p.LastBidAmount = copyOf(p.AdmissionToken), copyOf(p.LastBidAmount)
	p.SelectedVariantID, p.DenyReason = copyOf(p.SelectedVariantID), copyOf(p.DenyReason)
	return p
}

func copyAdmission(a consumer.Admission) consumer.Admission {
	a.ExpiresAt, a.EndedAt = copyOf(a.ExpiresAt), copyOf(a.EndedAt)
	return a
}

func copyDistribution(d consumer.Distribution) consumer.Distribution {
	d.Serving, d.EndedAt, d.WinnerID = copyOf(d.Serving), copyOf(d.EndedAt), copyOf(d.WinnerID)
	return d
}

func copyAPIKey(k consumer.APIKey) consumer.APIKey {
	k.ExpiresAt, k.RevokedAt = copyOf(k.ExpiresAt), copyOf(k.RevokedAt)
	return k
}

func copyOf[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}

// follower is a call to Changes.
type follower struct {
	pending consumer.Change // guarded by the model's lock

	delivering sync.Mutex // held while the listener is called
	listener   consumer.ChangeListener
}

// Changes implements [consumer.ChangeFeed].
func (m *Store) Changes(ctx context.Context, listener consumer.ChangeListener) error {
	f := &follower{listener: listener}
	f.delivering.Lock()
	end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	m.followers[f] = true
	end()
	defer func() {
		f.delivering.Lock() // until the listener is not called any more
		defer f.delivering.Unlock()
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.followers, f)
	}()
	listener.Following()
	f.delivering.Unlock()
	tick := time.NewTicker(confirmInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			m.deliver(f)
		}
	}
}

const confirmInterval = 100 * time.Millisecond

// CatchUp implements [consumer.ExactChangeFeed].
func (m *Store) CatchUp(ctx context.Context) error {
	end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	followers := slices.Collect(maps.Keys(m.followers))
	end()
	for _, f := range followers {
		m.deliver(f)
	}
	return nil
}

// deliver notifies the listener of what is pending.
func (m *Store) deliver(f *follower) {
	f.delivering.Lock()
	defer f.delivering.Unlock()
	m.mu.Lock()
	moment, change, following := time.Now(), f.pending, m.followers[f]
	f.pending = consumer.Change{}
	m.mu.Unlock()
	if !following {
		return
	}
	if len(change.Consumers)+len(change.Distributions) > 0 {
		f.listener.Changed(change)
	}
	f.listener.Confirmed(moment)
}

// changed notes what the followers are to be notified of.
func (m *Store) changed(distributions []consumer.Distribution, keys ...consumer.Key) {
	for f := range m.followers {
		for _, key := range keys {
			f.pending.Consumers = append(f.pending.Consumers, key.Hash())
		}
		for _, d := range distributions {
			f.pending.Distributions = append(f.pending.Distributions, d.Key().Hash())
		}
	}
}
