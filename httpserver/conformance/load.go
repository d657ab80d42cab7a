package conformance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// PostRecords returns a function for [Target.Load] that writes to the records endpoint of a
// deployment, such as "https://consumer.example.com/api/v1/records", with the secret key of the
// organization. The client may be nil.
func PostRecords(client *http.Client, url string) func(ctx context.Context, organization Organization, records []byte) error {
	if client == nil {
		client = &http.Client{Timeout: 30 * time.Second}
	}
	return func(ctx context.Context, organization Organization, records []byte) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(records))
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+organization.SecretKey)
		r.Header.Set("Content-Type", "application/json")
		response, err := client.Do(r)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("POST %s: status %d: %s", r.URL.Redacted(), response.StatusCode, shortened(text))
		}
		return nil
	}
}
