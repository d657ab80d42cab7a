package storagetest

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// Model is a [consumer.Store] in memory: the contract in the plainest words that Go
// has. The suite compares other stores with it, and it serves as a Store in the
// tests of whoever needs one. Make one with [NewModel].
type Model struct {
	mu             sync.Mutex
	consumers      map[consumer.ConsumerKey]consumer.Consumer
	participations map[recordKey]consumer.Participation
	admissions     map[recordKey]consumer.Admission
	erased         map[consumer.ConsumerKey]bool
	apiKeys        map[[32]byte]consumer.APIKey
	followers      map[*follower]bool
}

type recordKey struct {
	consumer.ConsumerKey
	distributionType consumer.DistributionType
	id               string
}

var _ consumer.Store = (*Model)(nil)

// NewModel returns an empty store.
func NewModel() *Model {
	return &Model{
		consumers:      make(map[consumer.ConsumerKey]consumer.Consumer),
		participations: make(map[recordKey]consumer.Participation),
		admissions:     make(map[recordKey]consumer.Admission),
		erased:         make(map[consumer.ConsumerKey]bool),
		apiKeys:        make(map[[32]byte]consumer.APIKey),
		followers:      make(map[*follower]bool),
	}
}

// Consumer implements [consumer.ProfileReader].
func (m *Model) Consumer(ctx context.Context, organizationID, consumerID string) (consumer.Consumer, error) {
	s, err := m.Snapshot(ctx, organizationID, consumerID)
	return s.Consumer, err
}

// Consumers implements [consumer.ProfilesReader].
func (m *Model) Consumers(ctx context.Context, organizationID string, consumerIDs []string) (map[string]consumer.Consumer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	found := make(map[string]consumer.Consumer)
	for _, id := range consumerIDs {
		if c, ok := m.consumers[consumer.ConsumerKey{OrganizationID: organizationID, ConsumerID: id}]; ok {
			found[id] = copyConsumer(c)
		}
	}
	return found, nil
}

// Snapshot implements [consumer.SnapshotReader].
func (m *Model) Snapshot(ctx context.Context, organizationID, consumerID string) (consumer.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return consumer.Snapshot{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := consumer.ConsumerKey{OrganizationID: organizationID, ConsumerID: consumerID}
	profile, ok := m.consumers[key]
	if !ok {
		return consumer.Snapshot{}, consumer.ErrNotFound
	}
	records := m.recordsOf(key, hasNotEnded)
	return consumer.Snapshot{
		Consumer:       copyConsumer(profile),
		Participations: records.Participations,
		Admissions:     records.Admissions,
	}, nil
}

// recordsOf returns those of a consumer's records whose version suits.
func (m *Model) recordsOf(key consumer.ConsumerKey, suits func(consumer.Version) bool) consumer.Batch {
	var records consumer.Batch
	for k, p := range m.participations {
		if k.ConsumerKey == key && suits(p.Version()) {
			records.Participations = append(records.Participations, copyParticipation(p))
		}
	}
	for k, a := range m.admissions {
		if k.ConsumerKey == key && suits(a.Version()) {
			records.Admissions = append(records.Admissions, copyAdmission(a))
		}
	}
	return records
}

func hasNotEnded(v consumer.Version) bool { return v.Rank < consumer.TerminalRank }

func whatever(consumer.Version) bool { return true }

// Export implements [consumer.Exporter].
func (m *Model) Export(ctx context.Context, organizationID, consumerID string) (consumer.Export, error) {
	if err := ctx.Err(); err != nil {
		return consumer.Export{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := consumer.ConsumerKey{OrganizationID: organizationID, ConsumerID: consumerID}
	records := m.recordsOf(key, whatever)
	export := consumer.Export{
		Participations: append([]consumer.Participation{}, records.Participations...), // never nil
		Admissions:     append([]consumer.Admission{}, records.Admissions...),
	}
	if profile, ok := m.consumers[key]; ok {
		export.Consumer = new(copyConsumer(profile))
	}
	if export.Consumer == nil && len(export.Participations)+len(export.Admissions) == 0 {
		return consumer.Export{}, consumer.ErrNotFound
	}
	slices.SortFunc(export.Participations, compareParticipations)
	slices.SortFunc(export.Admissions, compareAdmissions)
	return export, nil
}

// Write implements [consumer.Writer].
func (m *Model) Write(ctx context.Context, batch consumer.Batch) (consumer.WriteResult, error) {
	if err := ctx.Err(); err != nil {
		return consumer.WriteResult{}, err
	}
	batch, err := batch.Prepare()
	if err != nil {
		return consumer.WriteResult{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range batch.ConsumerKeys() {
		if m.erased[key] {
			return consumer.WriteResult{}, consumer.ErrErased
		}
	}
	if m.conflicts(batch.APIKeys) {
		return consumer.WriteResult{}, consumer.ErrConflict
	}
	applied := m.put(batch)
	if applied > 0 {
		m.changed(batch.ConsumerKeys()...)
	}
	for _, k := range batch.APIKeys {
		if _, known := m.apiKeys[k.Digest]; !known {
			m.apiKeys[k.Digest] = copyAPIKey(k)
		}
	}
	records := len(batch.Consumers) + len(batch.Participations) + len(batch.Admissions)
	return consumer.WriteResult{Applied: applied, Stale: records - applied}, nil
}

// put returns the number of records that changed.
func (m *Model) put(batch consumer.Batch) (applied int) {
	return putGreatest(m.consumers, batch.Consumers, consumerKey, copyConsumer) +
		putGreatest(m.participations, batch.Participations, participationKey, copyParticipation) +
		putGreatest(m.admissions, batch.Admissions, admissionKey, copyAdmission)
}

func (m *Model) conflicts(keys []consumer.APIKey) bool {
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

// Erase implements [consumer.Eraser].
func (m *Model) Erase(ctx context.Context, organizationID, consumerID string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	key := consumer.ConsumerKey{OrganizationID: organizationID, ConsumerID: consumerID}
	if err := key.Validate(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.erase(key)
	return nil
}

func (m *Model) erase(key consumer.ConsumerKey) {
	m.changed(key)
	m.erased[key] = true
	delete(m.consumers, key)
	maps.DeleteFunc(m.participations, func(k recordKey, _ consumer.Participation) bool { return k.ConsumerKey == key })
	maps.DeleteFunc(m.admissions, func(k recordKey, _ consumer.Admission) bool { return k.ConsumerKey == key })
}

// Merge implements [consumer.Merger].
func (m *Model) Merge(ctx context.Context, organizationID, guestID, consumerID string) (consumer.WriteResult, error) {
	if err := ctx.Err(); err != nil {
		return consumer.WriteResult{}, err
	}
	if err := consumer.ValidateMerge(organizationID, guestID, consumerID); err != nil {
		return consumer.WriteResult{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	guest := consumer.ConsumerKey{OrganizationID: organizationID, ConsumerID: guestID}
	moved := m.recordsOf(guest, whatever)
	records := len(moved.Participations) + len(moved.Admissions)
	_, guestKnown := m.consumers[guest]
	_, consumerKnown := m.consumers[consumer.ConsumerKey{OrganizationID: organizationID, ConsumerID: consumerID}]
	switch {
	case m.erased[guest]:
		return consumer.WriteResult{}, nil
	case !consumerKnown, !guestKnown && records == 0:
		return consumer.WriteResult{}, consumer.ErrNotFound
	}
	for i := range moved.Participations {
		moved.Participations[i].ConsumerID = consumerID
	}
	for i := range moved.Admissions {
		moved.Admissions[i].ConsumerID = consumerID
	}
	applied := m.put(moved)
	m.changed(consumer.ConsumerKey{OrganizationID: organizationID, ConsumerID: consumerID})
	m.erase(guest)
	return consumer.WriteResult{Applied: applied, Stale: records - applied}, nil
}

// Purge implements [consumer.Purger].
func (m *Model) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := consumer.ValidatePurge(before, limit); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	before = before.Truncate(time.Microsecond)
	deleted := purge(m.participations, limit, func(p consumer.Participation) bool { return isOver(p.Version(), p.ExpiresAt, before) })
	deleted += purge(m.admissions, limit-deleted, func(a consumer.Admission) bool { return isOver(a.Version(), a.ExpiresAt, before) })
	return deleted, nil
}

// isOver reports whether a record may be purged.
func isOver(v consumer.Version, expiresAt *time.Time, before time.Time) bool {
	return v.UpdatedAt.Before(before) && (!hasNotEnded(v) || expiresAt != nil && expiresAt.Before(before))
}

// purge returns how many records it deleted.
func purge[R any](stored map[recordKey]R, limit int, isOver func(R) bool) (deleted int) {
	for k, r := range stored {
		if deleted < limit && isOver(r) {
			delete(stored, k)
			deleted++
		}
	}
	return deleted
}

// OrganizationByKey implements [consumer.APIKeyReader].
func (m *Model) OrganizationByKey(ctx context.Context, digest [32]byte, now time.Time) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if k, ok := m.apiKeys[digest]; ok && k.ValidAt(now) {
		return k.OrganizationID, nil
	}
	return "", consumer.ErrNotFound
}

// APIKeys implements [consumer.APIKeyManager].
func (m *Model) APIKeys(ctx context.Context, organizationID string) ([]consumer.APIKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
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

// RevokeAPIKey implements [consumer.APIKeyManager].
func (m *Model) RevokeAPIKey(ctx context.Context, organizationID string, digest [32]byte, at time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := consumer.ValidateRevocation(at); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.apiKeys[digest]
	if !ok || k.OrganizationID != organizationID {
		return consumer.ErrNotFound
	}
	if k.RevokedAt == nil || at.Before(*k.RevokedAt) {
		k.RevokedAt = &at
		m.apiKeys[digest] = k.Normalized()
	}
	return nil
}

func consumerKey(c consumer.Consumer) consumer.ConsumerKey {
	return consumer.ConsumerKey{OrganizationID: c.OrganizationID, ConsumerID: c.ID}
}

func participationKey(p consumer.Participation) recordKey {
	return recordKey{consumer.ConsumerKey{OrganizationID: p.OrganizationID, ConsumerID: p.ConsumerID}, p.Type, p.ID}
}

func admissionKey(a consumer.Admission) recordKey {
	return recordKey{
		consumer.ConsumerKey{OrganizationID: a.OrganizationID, ConsumerID: a.ConsumerID},
		a.DistributionType, a.DistributionID,
	}
}

// The copies share nothing with the original, so that what a caller has stays the
// caller's.

func copyConsumer(c consumer.Consumer) consumer.Consumer {
	c.Email, c.Phone, c.FullName = copyOf(c.Email), copyOf(c.Phone), copyOf(c.FullName)
	return c
}

func copyParticipation(p consumer.Participation) consumer.Participation {
	p.Position, p.BidCount = copyOf(p.Position), copyOf(p.BidCount)
	p.AdmittedAt, p.ExpiresAt, p.LastBidTime = copyOf(p.AdmittedAt), copyOf(p.ExpiresAt), copyOf(p.LastBidTime)
	p.AdmissionToken, p.LastBidAmount = copyOf(p.AdmissionToken), copyOf(p.LastBidAmount)
	p.SelectedVariantID, p.DenyReason = copyOf(p.SelectedVariantID), copyOf(p.DenyReason)
	return p
}

func copyAdmission(a consumer.Admission) consumer.Admission {
	a.ExpiresAt, a.EndedAt = copyOf(a.ExpiresAt), copyOf(a.EndedAt)
	return a
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
	untold []uint64
	awake  chan struct{} // holds a token while there is something untold
}

// Changes implements [consumer.ChangeFeed].
func (m *Model) Changes(ctx context.Context, listener consumer.ChangeListener) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f := &follower{awake: make(chan struct{}, 1)}
	m.mu.Lock()
	m.followers[f] = true
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.followers, f)
	}()
	listener.Following()
	tick := time.NewTicker(confirmInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.awake:
		case <-tick.C:
		}
		m.mu.Lock()
		moment, consumers := time.Now(), f.untold
		f.untold = nil
		m.mu.Unlock()
		if len(consumers) > 0 {
			listener.Changed(consumers)
		}
		listener.Confirmed(moment)
	}
}

const confirmInterval = 100 * time.Millisecond

// changed notes what the followers are to be told.
func (m *Model) changed(keys ...consumer.ConsumerKey) {
	for f := range m.followers {
		for _, key := range keys {
			f.untold = append(f.untold, key.Hash())
		}
		select {
		case f.awake <- struct{}{}:
		default:
		}
	}
}
