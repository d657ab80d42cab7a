package row

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/rejoinhq/rejoin/consumer"
)

// Separator stands between the records that one column aggregates. No canonical
// JSON contains it.
const Separator = "\n"

// Found holds the columns in which a statement returns what it reads of
// consumers, all of them in one row. Each statement fills its own. What is decoded
// shares its strings with them.
type Found struct {
	// Profile is the consumer's record, empty when there is none.
	Profile string
	// Profiles are the records of several consumers, Participations and Admissions
	// those of one, with a Separator between them, empty when there are none.
	Profiles       string
	Participations string
	Admissions     string
}

// Consumer decodes the profile.
func (f Found) Consumer(organizationID string) (consumer.Consumer, error) {
	var c consumer.Consumer
	if err := decode(f.Profile, &c, new(consumerFields), parseConsumer); err != nil {
		return consumer.Consumer{}, err
	}
	c.OrganizationID = organizationID
	return c, nil
}

// Consumers decodes the profiles, and returns them by id.
func (f Found) Consumers(organizationID string) (map[string]consumer.Consumer, error) {
	profiles, err := records(f.Profiles, parseConsumer)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]consumer.Consumer, len(profiles))
	for _, c := range profiles {
		c.OrganizationID = organizationID
		byID[c.ID] = c
	}
	return byID, nil
}

// Snapshot decodes the profile and the records, which are those that did not end.
func (f Found) Snapshot(organizationID, consumerID string) (consumer.Snapshot, error) {
	profile, err := f.Consumer(organizationID)
	if err != nil {
		return consumer.Snapshot{}, err
	}
	participations, admissions, err := f.records(organizationID, consumerID)
	if err != nil {
		return consumer.Snapshot{}, err
	}
	return consumer.Snapshot{Consumer: profile, Participations: participations, Admissions: admissions}, nil
}

// Export decodes the profile and all records, and puts these in their order, so
// that no database's order of text matters. It returns consumer.ErrNotFound when
// there is neither.
func (f Found) Export(organizationID, consumerID string) (consumer.Export, error) {
	if len(f.Profile)+len(f.Participations)+len(f.Admissions) == 0 {
		return consumer.Export{}, consumer.ErrNotFound
	}
	participations, admissions, err := f.records(organizationID, consumerID)
	if err != nil {
		return consumer.Export{}, err
	}
	export := consumer.Export{
		Participations: append([]consumer.Participation{}, participations...), // never nil
		Admissions:     append([]consumer.Admission{}, admissions...),
	}
	slices.SortFunc(export.Participations, func(a, b consumer.Participation) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(export.Admissions, func(a, b consumer.Admission) int {
		return cmp.Or(cmp.Compare(a.DistributionType, b.DistributionType), cmp.Compare(a.DistributionID, b.DistributionID))
	})
	if len(f.Profile) == 0 {
		return export, nil
	}
	profile, err := f.Consumer(organizationID)
	if err != nil {
		return consumer.Export{}, err
	}
	export.Consumer = &profile
	return export, nil
}

// records decodes the participations and admissions.
func (f Found) records(organizationID, consumerID string) ([]consumer.Participation, []consumer.Admission, error) {
	participations, err := records(f.Participations, parseParticipation)
	if err != nil {
		return nil, nil, err
	}
	admissions, err := records(f.Admissions, parseAdmission)
	if err != nil {
		return nil, nil, err
	}
	for i := range participations {
		participations[i].OrganizationID, participations[i].ConsumerID = organizationID, consumerID
	}
	for i := range admissions {
		admissions[i].OrganizationID, admissions[i].ConsumerID = organizationID, consumerID
	}
	return participations, admissions, nil
}

// records decodes records R, whose optional fields are F.
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

// decode leaves the cause out of its error, because it may quote the record.
func decode[R, F any](record string, into *R, fields *F, parse func(string, *R, *F) bool) error {
	if parse(record, into, fields) {
		return nil
	}
	*into = *new(R)
	if err := json.Unmarshal([]byte(record), into); err != nil {
		return fmt.Errorf("%w: it cannot be read as a %T", ErrDamaged, *into)
	}
	return nil
}
