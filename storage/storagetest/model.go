package storagetest

import (
	"context"
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
	}
}

// Consumer implements [consumer.ProfileReader].
func (m *Model) Consumer(ctx context.Context, organizationID, consumerID string) (consumer.Consumer, error) {
	s, err := m.Snapshot(ctx, organizationID, consumerID)
	return s.Consumer, err
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
	s := consumer.Snapshot{Consumer: copyConsumer(profile)}
	for k, p := range m.participations {
		if k.ConsumerKey == key && p.Version().Rank < consumer.TerminalRank {
			s.Participations = append(s.Participations, copyParticipation(p))
		}
	}
	for k, a := range m.admissions {
		if k.ConsumerKey == key && a.Version().Rank < consumer.TerminalRank {
			s.Admissions = append(s.Admissions, copyAdmission(a))
		}
	}
	return s, nil
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
	applied := putGreatest(m.consumers, batch.Consumers, consumerKey, copyConsumer) +
		putGreatest(m.participations, batch.Participations, participationKey, copyParticipation) +
		putGreatest(m.admissions, batch.Admissions, admissionKey, copyAdmission)
	for _, k := range batch.APIKeys {
		if _, known := m.apiKeys[k.Digest]; !known {
			m.apiKeys[k.Digest] = k
		}
	}
	records := len(batch.Consumers) + len(batch.Participations) + len(batch.Admissions)
	return consumer.WriteResult{Applied: applied, Stale: records - applied}, nil
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

// putGreatest returns the number of records that changed.
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
	m.erased[key] = true
	delete(m.consumers, key)
	for k := range m.participations {
		if k.ConsumerKey == key {
			delete(m.participations, k)
		}
	}
	for k := range m.admissions {
		if k.ConsumerKey == key {
			delete(m.admissions, k)
		}
	}
	return nil
}

// OrganizationByKey implements [consumer.KeyReader].
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

func copyOf[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}
