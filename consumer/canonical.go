package consumer

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// canonicalSize is enough for most records.
const canonicalSize = 384

// canonical returns the canonical JSON of the profile (see [Version]).
func (c Consumer) canonical() []byte {
	dst := make([]byte, 0, canonicalSize)
	dst = appendString(append(dst, `{"id":`...), c.ID)
	dst = appendOptionalString(dst, `,"email":`, c.Email)
	dst = appendOptionalString(dst, `,"phone":`, c.Phone)
	dst = appendOptionalString(dst, `,"fullName":`, c.FullName)
	dst = appendTime(append(dst, `,"createdAt":`...), c.CreatedAt)
	dst = appendTime(append(dst, `,"updatedAt":`...), c.UpdatedAt)
	return append(dst, '}')
}

// canonical returns the canonical JSON of the participation (see [Version]).
func (p Participation) canonical() []byte {
	dst := make([]byte, 0, canonicalSize)
	dst = appendString(append(dst, `{"type":`...), string(p.Type))
	dst = appendString(append(dst, `,"id":`...), p.ID)
	dst = appendString(append(dst, `,"experienceId":`...), p.ExperienceID)
	dst = appendString(append(dst, `,"sequenceId":`...), p.SequenceID)
	dst = appendString(append(dst, `,"status":`...), string(p.Status))
	dst = appendTime(append(dst, `,"enteredAt":`...), p.EnteredAt)
	dst = appendOptionalInt(dst, `,"position":`, p.Position)
	dst = appendOptionalInt(dst, `,"ticket":`, p.Ticket)
	dst = appendOptionalTime(dst, `,"admittedAt":`, p.AdmittedAt)
	dst = appendOptionalString(dst, `,"admissionToken":`, p.AdmissionToken)
	dst = appendOptionalTime(dst, `,"expiresAt":`, p.ExpiresAt)
	dst = appendTime(append(dst, `,"updatedAt":`...), p.UpdatedAt)
	dst = appendOptionalString(dst, `,"lastBidAmount":`, p.LastBidAmount)
	dst = appendOptionalTime(dst, `,"lastBidTime":`, p.LastBidTime)
	dst = appendOptionalInt(dst, `,"bidCount":`, p.BidCount)
	dst = appendOptionalString(dst, `,"selectedVariantId":`, p.SelectedVariantID)
	dst = appendOptionalString(dst, `,"denyReason":`, p.DenyReason)
	return append(dst, '}')
}

// canonical returns the canonical JSON of the admission (see [Version]).
func (a Admission) canonical() []byte {
	dst := make([]byte, 0, canonicalSize)
	dst = appendString(append(dst, `{"distributionType":`...), string(a.DistributionType))
	dst = appendString(append(dst, `,"distributionId":`...), a.DistributionID)
	dst = appendString(append(dst, `,"experienceId":`...), a.ExperienceID)
	dst = appendString(append(dst, `,"sequenceId":`...), a.SequenceID)
	dst = appendString(append(dst, `,"admissionToken":`...), a.AdmissionToken)
	dst = appendTime(append(dst, `,"admittedAt":`...), a.AdmittedAt)
	dst = appendOptionalTime(dst, `,"expiresAt":`, a.ExpiresAt)
	dst = appendOptionalTime(dst, `,"endedAt":`, a.EndedAt)
	dst = appendTime(append(dst, `,"updatedAt":`...), a.UpdatedAt)
	return append(dst, '}')
}

// canonical returns the canonical JSON of the distribution (see [Version]), with the
// [Key.Digest] of the winner, in hexadecimal, as winnerId.
func (d Distribution) canonical() []byte {
	dst := make([]byte, 0, canonicalSize)
	dst = appendString(append(dst, `{"type":`...), string(d.Type))
	dst = appendString(append(dst, `,"id":`...), d.ID)
	dst = appendOptionalInt(dst, `,"serving":`, d.Serving)
	dst = appendOptionalTime(dst, `,"endedAt":`, d.EndedAt)
	if d.WinnerID != nil {
		digest := Key{d.OrganizationID, *d.WinnerID}.Digest()
		dst = append(dst, `,"winnerId":"`...)
		dst = append(hex.AppendEncode(dst, digest[:]), '"')
	}
	dst = appendTime(append(dst, `,"updatedAt":`...), d.UpdatedAt)
	return append(dst, '}')
}

// appendString appends a string that is not UTF-8, which no valid record has, as a Go
// literal, so that different strings remain different.
func appendString(dst []byte, s string) []byte {
	quoted, err := jsontext.AppendQuote(dst, s)
	if err != nil {
		return strconv.AppendQuote(dst, s)
	}
	return quoted
}

func appendTime(dst []byte, t time.Time) []byte {
	dst = append(dst, '"')
	dst = t.AppendFormat(dst, time.RFC3339Nano)
	return append(dst, '"')
}

func appendOptionalString[S ~string](dst []byte, name string, s *S) []byte {
	if s == nil {
		return dst
	}
	return appendString(append(dst, name...), string(*s))
}

func appendOptionalTime(dst []byte, name string, t *time.Time) []byte {
	if t == nil {
		return dst
	}
	return appendTime(append(dst, name...), *t)
}

func appendOptionalInt(dst []byte, name string, n *int64) []byte {
	if n == nil {
		return dst
	}
	return strconv.AppendInt(append(dst, name...), *n, 10)
}
