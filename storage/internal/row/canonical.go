package row

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rejoinhq/rejoin/consumer"
)

// A record is the canonical JSON of its version, so its fields stand in one order, without
// spaces, and reading it takes no reflection and no copy: strings are parts of the
// text that the database returned. The functions below read exactly that form. What
// looks otherwise, be it damaged, an escaped string or another program's JSON, they
// leave to the generic decoder, and what they do read, it would read the same way.
//
// Each takes the place of the optional fields, which the record points to, so that
// all those of one record, or of many, are one allocation.

type consumerFields struct {
	email, phone, fullName string
}

func parseConsumer(text string, c *consumer.Consumer, f *consumerFields) bool {
	p := parser{rest: text}
	c.ID = p.text(`{"id":`)
	c.Email = optional(&p, `,"email":`, &f.email, (*parser).text)
	c.Phone = optional(&p, `,"phone":`, &f.phone, (*parser).text)
	c.FullName = optional(&p, `,"fullName":`, &f.fullName, (*parser).text)
	c.CreatedAt = p.time(`,"createdAt":`)
	c.UpdatedAt = p.time(`,"updatedAt":`)
	return p.end()
}

type participationFields struct {
	position, ticket, bidCount                    int64
	admittedAt, expiresAt, lastBidTime            time.Time
	admissionToken, selectedVariantID, denyReason string
	lastBidAmount                                 consumer.Amount
}

func parseParticipation(text string, r *consumer.Participation, f *participationFields) bool {
	p := parser{rest: text}
	r.Type = consumer.DistributionType(p.text(`{"type":`))
	r.ID = p.text(`,"id":`)
	r.ExperienceID = p.text(`,"experienceId":`)
	r.SequenceID = p.text(`,"sequenceId":`)
	r.Status = consumer.Status(p.text(`,"status":`))
	r.EnteredAt = p.time(`,"enteredAt":`)
	r.Position = optional(&p, `,"position":`, &f.position, (*parser).count)
	r.Ticket = optional(&p, `,"ticket":`, &f.ticket, (*parser).count)
	r.AdmittedAt = optional(&p, `,"admittedAt":`, &f.admittedAt, (*parser).time)
	r.AdmissionToken = optional(&p, `,"admissionToken":`, &f.admissionToken, (*parser).text)
	r.ExpiresAt = optional(&p, `,"expiresAt":`, &f.expiresAt, (*parser).time)
	r.UpdatedAt = p.time(`,"updatedAt":`)
	r.LastBidAmount = optional(&p, `,"lastBidAmount":`, &f.lastBidAmount, (*parser).amount)
	r.LastBidTime = optional(&p, `,"lastBidTime":`, &f.lastBidTime, (*parser).time)
	r.BidCount = optional(&p, `,"bidCount":`, &f.bidCount, (*parser).count)
	r.SelectedVariantID = optional(&p, `,"selectedVariantId":`, &f.selectedVariantID, (*parser).text)
	r.DenyReason = optional(&p, `,"denyReason":`, &f.denyReason, (*parser).text)
	return p.end()
}

type admissionFields struct {
	expiresAt, endedAt time.Time
}

func parseAdmission(text string, a *consumer.Admission, f *admissionFields) bool {
	p := parser{rest: text}
	a.DistributionType = consumer.DistributionType(p.text(`{"distributionType":`))
	a.DistributionID = p.text(`,"distributionId":`)
	a.ExperienceID = p.text(`,"experienceId":`)
	a.SequenceID = p.text(`,"sequenceId":`)
	a.AdmissionToken = p.text(`,"admissionToken":`)
	a.AdmittedAt = p.time(`,"admittedAt":`)
	a.ExpiresAt = optional(&p, `,"expiresAt":`, &f.expiresAt, (*parser).time)
	a.EndedAt = optional(&p, `,"endedAt":`, &f.endedAt, (*parser).time)
	a.UpdatedAt = p.time(`,"updatedAt":`)
	return p.end()
}

type distributionFields struct {
	serving      int64
	endedAt      time.Time
	winnerDigest string
}

// parseDistribution returns the winner's digest as WinnerID.
func parseDistribution(text string, d *consumer.Distribution, f *distributionFields) bool {
	p := parser{rest: text}
	d.Type = consumer.DistributionType(p.text(`{"type":`))
	d.ID = p.text(`,"id":`)
	d.Serving = optional(&p, `,"serving":`, &f.serving, (*parser).count)
	d.EndedAt = optional(&p, `,"endedAt":`, &f.endedAt, (*parser).time)
	d.WinnerID = optional(&p, `,"winnerId":`, &f.winnerDigest, (*parser).text)
	d.UpdatedAt = p.time(`,"updatedAt":`)
	return p.end()
}

// parser reads a record from its front. After a failure its results are meaningless.
type parser struct {
	rest   string
	failed bool
}

// optional reads a field into the given memory if the record has it.
func optional[V any](p *parser, name string, memory *V, read func(*parser, string) V) *V {
	if !strings.HasPrefix(p.rest, name) {
		return nil
	}
	*memory = read(p, name)
	return memory
}

// skip skips the expected text.
func (p *parser) skip(expected string) {
	rest, found := strings.CutPrefix(p.rest, expected)
	p.rest, p.failed = rest, p.failed || !found
}

// end reports whether the whole record was read.
func (p *parser) end() bool { return !p.failed && p.rest == "}" }

// text reads a named string without escapes.
func (p *parser) text(name string) string {
	p.skip(name)
	p.skip(`"`)
	ascii := true
	for i := range len(p.rest) {
		switch b := p.rest[i]; {
		case b == '"':
			text := p.rest[:i]
			p.rest = p.rest[i+1:]
			p.failed = p.failed || !ascii && !utf8.ValidString(text)
			return text
		case b == '\\', b < ' ':
			p.failed = true
			return ""
		case b >= utf8.RuneSelf:
			ascii = false
		}
	}
	p.failed = true
	return ""
}

func (p *parser) amount(name string) consumer.Amount { return consumer.Amount(p.text(name)) }

// count reads a named number without a sign and with at most 18 digits, which fit into an
// int64.
func (p *parser) count(name string) (n int64) {
	p.skip(name)
	digits := 0
	for ; digits < len(p.rest) && '0' <= p.rest[digits] && p.rest[digits] <= '9'; digits++ {
		if digits == 18 {
			p.failed = true
			return 0
		}
		n = 10*n + int64(p.rest[digits]-'0')
	}
	p.failed = p.failed || digits == 0 || digits > 1 && p.rest[0] == '0'
	p.rest = p.rest[digits:]
	return n
}

// time reads a named time in UTC. [time.Time.UnmarshalText] accepts more than the generic
// decoder and takes twice as long.
func (p *parser) time(name string) time.Time {
	text := p.text(name)
	const whole = len("2006-01-02T15:04:05")
	if len(text) <= whole || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' {
		p.failed = true
		return time.Time{}
	}
	year, month, day := p.digits(text[:4]), p.digits(text[5:7]), p.digits(text[8:10])
	hour, minute, second := p.digits(text[11:13]), p.digits(text[14:16]), p.digits(text[17:whole])
	nanosecond := p.fraction(text[whole:])
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanosecond, time.UTC)
	// time.Date normalizes values that are out of range, such as the 30th of February.
	p.failed = p.failed || hour > 23 || minute > 59 || second > 59 || t.Day() != day || t.Month() != time.Month(month)
	return t
}

// fraction returns the nanoseconds of the text after the seconds: a point and digits, or
// nothing, and a Z.
func (p *parser) fraction(text string) int {
	last := len(text) - 1
	if text[last] != 'Z' || last == 1 || last > 10 || last > 0 && text[0] != '.' {
		p.failed = true
		return 0
	}
	if last == 0 {
		return 0
	}
	n := p.digits(text[1:last])
	for range 10 - last {
		n *= 10
	}
	return n
}

// digits returns the number that the digits are.
func (p *parser) digits(text string) (n int) {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			p.failed = true
			return 0
		}
		n = 10*n + int(text[i]-'0')
	}
	return n
}
