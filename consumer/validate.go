package consumer

import (
	"reflect"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-playground/validator/v10"
)

// maxCount is the largest integer that every JSON reader preserves, 2^53−1 (RFC 8259,
// section 6).
const maxCount = 1<<53 - 1

// fieldErrors validates a normalized record by the rules in its struct tags and by those
// that concern several of its fields.
func fieldErrors(record any) []FieldError {
	err := rules().Struct(record)
	broken, ok := err.(validator.ValidationErrors)
	if !ok {
		return nil
	}
	var fields []FieldError
	named := make(map[string]bool)
	for _, b := range broken {
		if !named[b.Field()] { // the first rule that a field breaks is enough
			named[b.Field()] = true
			fields = append(fields, FieldError{Field: b.Field(), Message: ruleMessage(b.Tag(), b.Param())})
		}
	}
	return fields
}

func validationError(fields []FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	return &ValidationError{Fields: fields}
}

// The tags of the rules. Most of them are not part of the validator library.
const (
	ruleID         = "id"
	ruleConsumerID = "consumer_id"
	ruleText       = "text"
	ruleTime       = "time"
	ruleCount      = "count"
	ruleTicket     = "ticket"
	ruleAmount     = "amount"
	ruleDigest     = "digest"
	ruleLabel      = "label"
	rulePhone      = "e164_plus"
	ruleEmail      = "email"
	ruleOneOf      = "oneof"
	rulePositive   = "gt"
	ruleNotGuest   = "nefield"
	ruleForeign    = "foreign"
	ruleAdmitting  = "admitting"
	ruleWithEnd    = "with_end"
)

func ruleMessage(rule, param string) string {
	switch rule {
	case ruleID:
		return "must be an id: 1 to 128 characters of A-Z a-z 0-9 . _ : ~ -, and neither . nor .."
	case ruleConsumerID:
		return "must not be me, which is the path of the caller's own document"
	case ruleText:
		return "must not be empty and must be UTF-8 without NUL; leave it out if it is unset"
	case ruleTime:
		return "must be a time in the years 1 to 9999"
	case ruleCount:
		return "must be a whole number from 0 to 9007199254740991"
	case ruleTicket:
		return "must be a whole number from 1 to 9007199254740991"
	case ruleAmount:
		return "must be a plain decimal: up to 12 digits, and up to 8 more after a point"
	case ruleDigest:
		return "must be the SHA-256 digest of the key, and not zero"
	case ruleLabel:
		return "must be UTF-8 of at most 100 characters without control characters"
	case rulePhone:
		return "must be a phone number in E.164 form, such as +12025551234"
	case ruleEmail:
		return "must be an email address"
	case ruleOneOf:
		return "must be one of " + param
	case rulePositive:
		return "must be greater than " + param
	case ruleNotGuest:
		return "must be a consumer other than the guest"
	case ruleForeign:
		return "is not a field of a " + param
	case ruleAdmitting:
		return "must be left out while the status neither admits nor is terminal"
	case ruleWithEnd:
		return "must be left out while there is no endedAt"
	}
	return "breaks the rule " + rule
}

// rules returns the validator. It caches what it learns about each struct and is safe for
// concurrent use.
var rules = sync.OnceValue(func() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(jsonName)
	for rule, holds := range map[string]validator.Func{
		ruleID:         func(f validator.FieldLevel) bool { return ValidID(f.Field().String()) },
		ruleConsumerID: func(f validator.FieldLevel) bool { return f.Field().String() != "me" },
		ruleText:       func(f validator.FieldLevel) bool { return validText(f.Field().String()) },
		ruleTime:       func(f validator.FieldLevel) bool { return validTime(f.Field().Interface().(time.Time)) },
		ruleCount:      func(f validator.FieldLevel) bool { n := f.Field().Int(); return 0 <= n && n <= maxCount },
		ruleTicket:     func(f validator.FieldLevel) bool { n := f.Field().Int(); return 1 <= n && n <= maxCount },
		ruleAmount:     func(f validator.FieldLevel) bool { return Amount(f.Field().String()).Valid() },
		ruleDigest:     func(f validator.FieldLevel) bool { return !f.Field().IsZero() },
		ruleLabel:      func(f validator.FieldLevel) bool { return validLabel(f.Field().String()) },
		rulePhone:      func(f validator.FieldLevel) bool { return phone.MatchString(f.Field().String()) },
	} {
		// RegisterValidation fails only for a nil function or an empty name.
		_ = v.RegisterValidation(rule, holds)
	}
	v.RegisterStructValidation(participationRules, Participation{})
	v.RegisterStructValidation(admissionRules, Admission{})
	v.RegisterStructValidation(distributionRules, Distribution{})
	v.RegisterStructValidation(completionRules, Completion{})
	return v
})

// validLabel reports whether a text can be the label of a key.
func validLabel(s string) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= 100 && !strings.ContainsFunc(s, unicode.IsControl)
}

// phone matches a number in E.164 form with its plus sign: a country code that does not
// begin with zero, and 7 to 15 digits in all. The rule of the validator library makes the
// plus sign optional and rejects the seven digits of the smallest countries.
var phone = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// jsonName returns the name of a field in the record format.
func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	if name != "-" && name != "" {
		return name
	}
	switch field.Name {
	case "OrganizationID":
		return "organizationId"
	case "ConsumerID":
		return "consumerId"
	case "Digest":
		return "digest"
	}
	return field.Name
}

func validText(s string) bool {
	return s != "" && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

func validTime(t time.Time) bool {
	return !t.IsZero() && t.Year() >= 1 && t.Year() <= 9999
}

// participationRules reports errors that concern several fields of a participation.
func participationRules(level validator.StructLevel) {
	p := level.Current().Interface().(Participation)
	if !p.Type.Known() {
		level.ReportError(p.Type, "type", "Type", ruleOneOf, joined(DistributionTypes()))
		return // what the other fields may be depends on the type
	}
	row := p.Type.row()
	if !p.Type.IsActive(p.Status) && !p.Type.IsTerminal(p.Status) {
		all := append(p.Type.ActiveStatuses(), row.terminal...)
		level.ReportError(p.Status, "status", "Status", ruleOneOf, joined(all))
	}
	for _, f := range p.optionalFields() {
		if f.set && !f.belongs {
			level.ReportError(nil, f.name, f.name, ruleForeign, string(p.Type))
		}
	}
	if p.AdmissionToken != nil && p.Type.Admits() && p.Type.IsActive(p.Status) && !p.Type.IsAdmitting(p.Status) {
		level.ReportError(nil, "admissionToken", "AdmissionToken", ruleAdmitting, "")
	}
}

type optionalField struct {
	name         string
	set, belongs bool
}

// optionalFields lists the fields that only some types have.
func (p Participation) optionalFields() []optionalField {
	queue, draw, auction := p.Type == Queue, p.Type == Draw, p.Type == Auction
	return []optionalField{
		{"position", p.Position != nil, queue},
		{"ticket", p.Ticket != nil, queue},
		{"admittedAt", p.AdmittedAt != nil, p.Type.Admits()},
		{"admissionToken", p.AdmissionToken != nil, p.Type.Admits()},
		{"lastBidAmount", p.LastBidAmount != nil, auction},
		{"lastBidTime", p.LastBidTime != nil, auction},
		{"bidCount", p.BidCount != nil, auction},
		{"selectedVariantId", p.SelectedVariantID != nil, p.Type == TimedRelease},
		{"denyReason", p.DenyReason != nil, queue || draw || auction},
	}
}

// admissionRules reports errors that concern the type of an admission.
func admissionRules(level validator.StructLevel) {
	requireAdmittingType(level, level.Current().Interface().(Admission).DistributionType)
}

// completionRules reports errors that concern the type of a completion.
func completionRules(level validator.StructLevel) {
	requireAdmittingType(level, level.Current().Interface().(Completion).DistributionType)
}

func requireAdmittingType(level validator.StructLevel, t DistributionType) {
	if !t.Admits() {
		level.ReportError(t, "distributionType", "DistributionType", ruleOneOf, joined(admittingTypes()))
	}
}

func admittingTypes() []DistributionType {
	return []DistributionType{Queue, Draw, Auction, TimedRelease}
}

// distributionRules reports errors that concern several fields of a distribution.
func distributionRules(level validator.StructLevel) {
	d := level.Current().Interface().(Distribution)
	if !d.Type.Admits() {
		level.ReportError(d.Type, "type", "Type", ruleOneOf, joined(admittingTypes()))
		return // the other fields depend on the type
	}
	if d.Serving != nil && d.Type != Queue {
		level.ReportError(nil, "serving", "Serving", ruleForeign, string(d.Type))
	}
	switch {
	case d.WinnerID == nil:
	case d.Type != Auction:
		level.ReportError(nil, "winnerId", "WinnerID", ruleForeign, string(d.Type))
	case d.EndedAt == nil:
		level.ReportError(nil, "winnerId", "WinnerID", ruleWithEnd, "")
	}
}

func joined[S ~string](words []S) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return strings.Join(texts, ", ")
}
