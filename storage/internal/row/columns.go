package row

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/rejoinhq/rejoin/consumer"
)

// Separator separates the records that one column aggregates. Canonical JSON contains
// neither it nor DistributionSeparator.
const Separator = "\n"

// DistributionSeparator separates the record of a participation from the record of its
// distribution, if there is one. If the winner of the distribution was merged into another
// consumer, the id of that consumer comes before the distribution's record. To aggregate
// both records in one column costs half a microsecond of a snapshot, a column of its own
// two or three.
const DistributionSeparator = "\t"

// Columns holds the columns of the one row that a statement returns. Each statement fills
// its own. The decoded records share their strings with the columns.
type Columns struct {
	// Profile is the consumer's record, empty if there is none.
	Profile string
	// Profiles holds the records of several consumers. Participations and Admissions hold
	// those of one consumer. The records have a Separator between them; a column without
	// records is empty.
	Profiles       string
	Participations string
	Admissions     string
	// Events is not empty if there are events about the consumer. Only an export fills it.
	Events string
}

// Consumer decodes the profile.
func (c Columns) Consumer(organizationID string) (consumer.Consumer, error) {
	var profile consumer.Consumer
	if err := decode(c.Profile, &profile, new(consumerFields), parseConsumer); err != nil {
		return consumer.Consumer{}, err
	}
	profile.OrganizationID = organizationID
	return profile, nil
}

// Consumers decodes the profiles and returns them by id.
func (c Columns) Consumers(organizationID string) (map[string]consumer.Consumer, error) {
	profiles, err := records(c.Profiles, parseConsumer)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]consumer.Consumer, len(profiles))
	for _, profile := range profiles {
		profile.OrganizationID = organizationID
		byID[profile.ID] = profile
	}
	return byID, nil
}

// Snapshot decodes the profile and the records, which are those that did not end.
func (c Columns) Snapshot(key consumer.Key) (s consumer.Snapshot, err error) {
	if s.Consumer, err = c.Consumer(key.OrganizationID); err != nil {
		return consumer.Snapshot{}, err
	}
	if s.Participations, s.Admissions, s.Distributions, err = c.records(key); err != nil {
		return consumer.Snapshot{}, err
	}
	return s, nil
}

// Export decodes the profile and all records, and sorts the records, so the result does not
// depend on how the database orders text. It returns consumer.ErrNotFound if there is
// neither a profile nor a record nor an event.
func (c Columns) Export(key consumer.Key) (consumer.Export, error) {
	if len(c.Profile)+len(c.Participations)+len(c.Admissions)+len(c.Events) == 0 {
		return consumer.Export{}, consumer.ErrNotFound
	}
	participations, admissions, distributions, err := c.records(key)
	if err != nil {
		return consumer.Export{}, err
	}
	export := consumer.Export{
		Participations: append([]consumer.Participation{}, participations...), // never nil
		Admissions:     append([]consumer.Admission{}, admissions...),
		Distributions:  distributions,
	}
	slices.SortFunc(export.Participations, func(a, b consumer.Participation) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(export.Admissions, func(a, b consumer.Admission) int {
		return cmp.Or(cmp.Compare(a.DistributionType, b.DistributionType), cmp.Compare(a.DistributionID, b.DistributionID))
	})
	if len(c.Profile) == 0 {
		return export, nil
	}
	profile, err := c.Consumer(key.OrganizationID)
	if err != nil {
		return consumer.Export{}, err
	}
	export.Consumer = &profile
	return export, nil
}

// Distribution decodes the record of a distribution, without its winner.
func Distribution(organizationID, record string) (consumer.Distribution, error) {
	var d consumer.Distribution
	if err := decode(record, &d, new(distributionFields), parseDistribution); err != nil {
		return consumer.Distribution{}, err
	}
	d.OrganizationID, d.WinnerID = organizationID, nil
	return d, nil
}

// records decodes the participations, their distributions, and the admissions.
func (c Columns) records(key consumer.Key) (
	participations []consumer.Participation, admissions []consumer.Admission, distributions []consumer.Distribution, err error,
) {
	if participations, distributions, err = c.participations(key); err != nil {
		return nil, nil, nil, err
	}
	if admissions, err = records(c.Admissions, parseAdmission); err != nil {
		return nil, nil, nil, err
	}
	for i := range admissions {
		admissions[i].OrganizationID, admissions[i].ConsumerID = key.OrganizationID, key.ConsumerID
	}
	return participations, admissions, distributions, nil
}

func (c Columns) participations(key consumer.Key) ([]consumer.Participation, []consumer.Distribution, error) {
	if c.Participations == "" {
		return nil, nil, nil
	}
	n := 1 + strings.Count(c.Participations, Separator)
	participations, fields := make([]consumer.Participation, n), make([]participationFields, n)
	var distributions []consumer.Distribution
	if n := strings.Count(c.Participations, DistributionSeparator); n > 0 {
		distributions = make([]consumer.Distribution, 0, n)
	}
	rest := c.Participations
	for i := range participations {
		var line string
		line, rest, _ = strings.Cut(rest, Separator)
		record, distribution, found := strings.Cut(line, DistributionSeparator)
		if err := decode(record, &participations[i], &fields[i], parseParticipation); err != nil {
			return nil, nil, err
		}
		participations[i].OrganizationID, participations[i].ConsumerID = key.OrganizationID, key.ConsumerID
		if !found {
			continue
		}
		d, err := distributionOf(key, distribution)
		if err != nil {
			return nil, nil, err
		}
		distributions = append(distributions, d)
	}
	return participations, distributions, nil
}

// distributionOf decodes what follows a DistributionSeparator. It sets WinnerID if the
// consumer won, itself or as a guest that was merged into it.
func distributionOf(key consumer.Key, text string) (consumer.Distribution, error) {
	start := max(0, strings.IndexByte(text, '{'))
	var d consumer.Distribution
	if err := decode(text[start:], &d, new(distributionFields), parseDistribution); err != nil {
		return consumer.Distribution{}, err
	}
	d.OrganizationID = key.OrganizationID
	if d.WinnerID != nil {
		digest := key.Digest()
		if won := *d.WinnerID == hex.EncodeToString(digest[:]) || text[:start] == key.ConsumerID; won {
			d.WinnerID = &key.ConsumerID
		} else {
			d.WinnerID = nil
		}
	}
	return d, nil
}

// records decodes records of type R with optional fields of type F.
func records[R, F any](text string, parse func(string, *R, *F) bool) ([]R, error) {
	if text == "" {
		return nil, nil
	}
	n := 1 + strings.Count(text, Separator)
	all, fields := make([]R, n), make([]F, n)
	for i := range all {
		line, rest, _ := strings.Cut(text, Separator)
		if err := decode(line, &all[i], &fields[i], parse); err != nil {
			return nil, err
		}
		text = rest
	}
	return all, nil
}

// decode omits the cause from its error, because it may quote the record.
func decode[R, F any](record string, into *R, fields *F, parse func(string, *R, *F) bool) error {
	if parse(record, into, fields) {
		return nil
	}
	*into = *new(R)
	if err := json.Unmarshal([]byte(record), into); err != nil {
		return fmt.Errorf("%w: not a %T", ErrDamaged, *into)
	}
	return nil
}
