package consumer

import "time"

// A [Store] judges what its methods are given with these functions, so that all
// stores refuse the same, under the same names.

// ValidateMerge judges what [Merger.Merge] is given. It returns a
// [*ValidationError] that names the bad ones of organizationId, guestId and
// consumerId, the last of them when it is the guest's, or nil.
func ValidateMerge(organizationID, guestID, consumerID string) error {
	return validationError(fieldErrors(struct {
		OrganizationID string `json:"organizationId" validate:"id"`
		GuestID        string `json:"guestId" validate:"id,consumer_id"`
		ConsumerID     string `json:"consumerId" validate:"id,consumer_id,nefield=GuestID"`
	}{organizationID, guestID, consumerID}))
}

// ValidatePurge judges what [Purger.Purge] is given. It returns a
// [*ValidationError] that names the bad ones of before and limit, or nil.
func ValidatePurge(before time.Time, limit int) error {
	return validationError(fieldErrors(struct {
		Before time.Time `json:"before" validate:"moment"`
		Limit  int       `json:"limit" validate:"gt=0"`
	}{normalTime(before), limit}))
}

// ValidateRevocation judges the moment that [APIKeyManager.RevokeAPIKey] is given. It
// returns a [*ValidationError] that names it as at, or nil.
func ValidateRevocation(at time.Time) error {
	return validationError(fieldErrors(struct {
		At time.Time `json:"at" validate:"moment"`
	}{normalTime(at)}))
}
