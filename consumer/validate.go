package consumer

import (
	"reflect"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-playground/validator/v10"
)

// maxCount is the largest whole number that every JSON reader keeps exactly, 2^53−1
// (RFC 8259, section 6).
const maxCount = 1<<53 - 1

// fieldErrors judges one normalized record by the rules in its struct tags and by
// those that tie its fields together.
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

// The tags of the rules, most of which the validator library doesn't bring along.
const (
	ruleID         = "id"
	ruleConsumerID = "consumer_id"
	ruleText       = "text"
	ruleMoment     = "moment"
	ruleCount      = "count"
	ruleAmount     = "amount"
	ruleDigest     = "digest"
	rulePhone      = "e164_plus"
	ruleEmail      = "email"
	ruleOneOf      = "oneof"
	rulePositive   = "gt"
	ruleNotGuest   = "nefield"
	ruleForeign    = "foreign"
	ruleAdmitting  = "admitting"
)

func ruleMessage(rule, param string) string {
	switch rule {
	case ruleID:
		return "must be an id: 1 to 128 characters of A-Z a-z 0-9 . _ : ~ -, and neither . nor .."
	case ruleConsumerID:
		return "must not be me, which is the path of the caller itself"
	case ruleText:
		return "must not be empty and must be UTF-8 without NUL; leave it out when it is unset"
	case ruleMoment:
		return "must be a moment in the years 1 to 9999"
	case ruleCount:
		return "must be a whole number from 0 to 9007199254740991"
	case ruleAmount:
		return "must be a plain decimal: up to 12 digits, and up to 8 more behind a point"
	case ruleDigest:
		return "must be the SHA-256 digest of the key, which is never zero"
	case rulePhone:
		return "must be a phone number in E.164 form, such as +12025551234"
	case ruleEmail:
		return "must be an email address"
	case ruleOneOf:
		return "must be one of " + param
	case rulePositive:
		return "must be greater than " + param
	case ruleNotGuest:
		return "must be another consumer than the guest"
	case ruleForeign:
		return "is not a field of a " + param
	case ruleAdmitting:
		return "must be left out while the status neither admits nor is terminal"
	}
	return "breaks the rule " + rule
}

// rules is built once: the validator caches what it learns of each struct, and is
// safe for concurrent use.
var rules = sync.OnceValue(func() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(jsonName)
	for rule, holds := range map[string]validator.Func{
		ruleID:         func(f validator.FieldLevel) bool { return ValidID(f.Field().String()) },
		ruleConsumerID: func(f validator.FieldLevel) bool { return f.Field().String() != "me" },
		ruleText:       func(f validator.FieldLevel) bool { return validText(f.Field().String()) },
		ruleMoment:     func(f validator.FieldLevel) bool { return validMoment(f.Field().Interface().(time.Time)) },
		ruleCount:      func(f validator.FieldLevel) bool { n := f.Field().Int(); return 0 <= n && n <= maxCount },
		ruleAmount:     func(f validator.FieldLevel) bool { return Amount(f.Field().String()).Valid() },
		ruleDigest:     func(f validator.FieldLevel) bool { return !f.Field().IsZero() },
		rulePhone:      func(f validator.FieldLevel) bool { return phone.MatchString(f.Field().String()) },
	} {
		// An error here means a nil function or an empty name, neither of which stands above.
		_ = v.RegisterValidation(rule, holds)
	}
	v.RegisterStructValidation(participationRules, Participation{})
	v.RegisterStructValidation(admissionRules, Admission{})
	return v
})

// phone is E.164 with its plus sign: a country code that doesn't begin with zero,
// 7 to 15 digits in all. The validator library's own rule leaves the plus optional
// and refuses the seven digits of the smallest countries.
var phone = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// jsonName makes errors speak of fields as the record format does.
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

func validMoment(t time.Time) bool {
	return !t.IsZero() && t.Year() >= 1 && t.Year() <= 9999
}

// participationRules are the rules that tie a participation's fields together.
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

// optionalFields says which of the fields that not every type has are set, and
// whether they belong to this type.
func (p Participation) optionalFields() []optionalField {
	queue, draw, auction := p.Type == Queue, p.Type == Draw, p.Type == Auction
	return []optionalField{
		{"position", p.Position != nil, queue},
		{"admittedAt", p.AdmittedAt != nil, p.Type.Admits()},
		{"admissionToken", p.AdmissionToken != nil, p.Type.Admits()},
		{"lastBidAmount", p.LastBidAmount != nil, auction},
		{"lastBidTime", p.LastBidTime != nil, auction},
		{"bidCount", p.BidCount != nil, auction},
		{"selectedVariantId", p.SelectedVariantID != nil, p.Type == TimedRelease},
		{"denyReason", p.DenyReason != nil, queue || draw || auction},
	}
}

func admissionRules(level validator.StructLevel) {
	a := level.Current().Interface().(Admission)
	if !a.DistributionType.Admits() {
		level.ReportError(a.DistributionType, "distributionType", "DistributionType", ruleOneOf,
			joined([]DistributionType{Queue, Draw, Auction, TimedRelease}))
	}
}

func joined[S ~string](words []S) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return strings.Join(texts, ", ")
}
