package postgres

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rejoinhq/rejoin/consumer"
)

// channel is the name of the notification channel.
const channel = "rejoin_changes"

const (
	// distributionPrefix begins a payload with the hashes of distributions. Without it, a
	// payload has the hashes of consumers.
	distributionPrefix = "distributions "
	// probePrefix begins the payload of a probe. It is not a hexadecimal digit, so a probe
	// is not read as a change.
	probePrefix = "probe "
	// hashDigits is the number of hexadecimal digits of a hash.
	hashDigits = 16
	// hashesPerNotification keeps a payload below the server's limit of 8000 bytes.
	hashesPerNotification = 490
)

// commit returns the statements that notify of a change and commit the transaction, for one
// round trip.
func commit(c consumer.Change) string { return notifications(c) + "COMMIT" }

// notifications returns the statements that notify of a change, empty if nothing changed.
func notifications(c consumer.Change) string {
	var statements strings.Builder
	notify(&statements, "", c.Consumers)
	notify(&statements, distributionPrefix, c.Distributions)
	return statements.String()
}

func notify(statements *strings.Builder, prefix string, hashes []uint64) {
	for chunk := range slices.Chunk(hashes, hashesPerNotification) {
		statements.WriteString("SELECT pg_notify('" + channel + "', '" + prefix)
		for _, hash := range chunk {
			fmt.Fprintf(statements, "%0*x", hashDigits, hash)
		}
		statements.WriteString("'); ")
	}
}

// appendChange adds what a payload says. It ignores what it cannot read, because anybody who
// may connect to the database may notify the channel.
func appendChange(c *consumer.Change, payload string) {
	if hashes, ok := strings.CutPrefix(payload, distributionPrefix); ok {
		c.Distributions = appendHashes(c.Distributions, hashes)
		return
	}
	c.Consumers = appendHashes(c.Consumers, payload)
}

func appendHashes(hashes []uint64, digits string) []uint64 {
	for ; len(digits) >= hashDigits; digits = digits[hashDigits:] {
		hash, err := strconv.ParseUint(digits[:hashDigits], 16, 64)
		if err != nil {
			break
		}
		hashes = append(hashes, hash)
	}
	return hashes
}
