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
	// partSeparator and endSeparator precede the number of the transaction.
	partSeparator = " x"
	endSeparator  = " X"
	// hashDigits is the number of hexadecimal digits of a hash.
	hashDigits = 16
	// hashesPerNotification keeps a payload below the server's limit of 8000 bytes.
	hashesPerNotification = 480
)

// notifications returns the statements that notify of a change, empty if nothing changed.
func notifications(c consumer.Change) string {
	var statements strings.Builder
	for _, payload := range payloads(c) {
		writeNotify(&statements, payload)
	}
	return statements.String()
}

// notificationsOf returns the statements that notify of a commit. Each payload ends with the
// number of the transaction, by which a feed knows the commits that it has reported. An older
// program doesn't read that far.
func notificationsOf(c commit) string {
	var statements strings.Builder
	all := payloads(c.change)
	for i, payload := range all {
		separator := partSeparator
		if i == len(all)-1 {
			separator = endSeparator
		}
		writeNotify(&statements, payload+separator+c.xid)
	}
	return statements.String()
}

func writeNotify(statements *strings.Builder, payload string) {
	statements.WriteString("SELECT pg_notify('" + channel + "', '" + payload + "'); ")
}

// payloads returns the hashes of a change in pieces of the size of a notification.
func payloads(c consumer.Change) (all []string) {
	for _, kind := range []struct {
		prefix string
		hashes []uint64
	}{{"", c.Consumers}, {distributionPrefix, c.Distributions}} {
		for chunk := range slices.Chunk(kind.hashes, hashesPerNotification) {
			var payload strings.Builder
			payload.WriteString(kind.prefix)
			for _, hash := range chunk {
				fmt.Fprintf(&payload, "%0*x", hashDigits, hash)
			}
			all = append(all, payload.String())
		}
	}
	return all
}

// commitIn returns the transaction that a payload names, and whether the payload is its last
// one. The number is empty if the payload names none: it is of an older program, or of a
// transaction of the caller.
func commitIn(payload string) (xid string, isLast bool) {
	if _, xid, isLast = strings.Cut(payload, endSeparator); isLast {
		return xid, true
	}
	_, xid, _ = strings.Cut(payload, partSeparator)
	return xid, false
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
