package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/recordjson"
)

const (
	// maxBadFields and maxBadField bound what an error about a file prints.
	maxBadFields = 20
	maxBadField  = 200
)

// fixtureOptions are the rules for files.
var fixtureOptions = recordjson.Options{
	DefaultUpdatedAt: true, MaxErrors: maxBadFields, CheckAPIKey: auth.CheckAPIKey,
}

// readFixture reads and checks a whole file, so that nothing of a bad one is written.
func readFixture(path string) ([]recordjson.Organization, error) {
	file, _, err := openRegular(path)
	if err != nil {
		return nil, fmt.Errorf("fixture: %w", err) // names the file
	}
	defer file.Close()
	organizations, err := recordjson.ReadFixture(file, fixtureOptions)
	if err != nil {
		return nil, fmt.Errorf("fixture %s: %w", path, bounded(err))
	}
	return organizations, nil
}

// openRegular opens a file that can be read several times. Opening a pipe would wait for a
// writer.
func openRegular(path string) (*os.File, int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is not a regular file", path)
	}
	file, err := os.Open(path)
	return file, info.Size(), err
}

// bounded shortens the text of each bad field.
func bounded(err error) error {
	var invalid *consumer.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	var fields []string
	for _, f := range invalid.Fields {
		text := []rune(f.Field + " " + f.Message)
		if len(text) > maxBadField {
			text = append(text[:maxBadField-1], '…')
		}
		fields = append(fields, string(text))
	}
	if len(fields) == maxBadFields {
		fields = append(fields, "and perhaps more")
	}
	return errors.New(strings.Join(fields, "; "))
}

// apiKeys returns what a store may know of the keys of organizations: their digests.
func apiKeys(organizations []recordjson.Organization, now time.Time) []consumer.APIKey {
	var records []consumer.APIKey
	for _, o := range organizations {
		for kind, keys := range map[consumer.APIKeyKind][]string{consumer.PublishableKey: o.PublishableKeys, consumer.SecretKey: o.SecretKeys} {
			for _, key := range keys {
				records = append(records, consumer.APIKey{OrganizationID: o.ID, Kind: kind, Digest: auth.APIKeyDigest(key), CreatedAt: now})
			}
		}
	}
	return records
}

// foreignKey returns the path of the first key that the database knows as another
// organization's, or "".
func foreignKey(ctx context.Context, finder consumer.APIKeyFinder, organizations []recordjson.Organization) string {
	for i, o := range organizations {
		for list, keys := range map[string][]string{"publishableKeys": o.PublishableKeys, "secretKeys": o.SecretKeys} {
			for j, key := range keys {
				if owner, err := finder.OrganizationByAPIKey(ctx, auth.APIKeyDigest(key), time.Now()); err == nil && owner != o.ID {
					return fmt.Sprintf("organizations[%d].%s[%d]", i, list, j)
				}
			}
		}
	}
	return ""
}
