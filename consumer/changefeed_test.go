package consumer_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/rejoinhq/rejoin/consumer"
)

// TestDigestIsPinned: with another digest, a store would forget erased consumers, and a
// listener of another version would not recognize a consumer.
func TestDigestIsPinned(t *testing.T) {
	key := consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}
	digest := key.Digest()
	const want = "e586dfc2a5decd4826df2aa6682dfb429a3ae3c3aab096eba1e4ab7e02b1dfb5"
	if got := hex.EncodeToString(digest[:]); got != want {
		t.Errorf("the digest is %s, want %s", got, want)
	}
	if got := key.Hash(); got != 0xe586dfc2a5decd48 {
		t.Errorf("the hash is %x", got)
	}
}

func TestDigestTellsIDsApart(t *testing.T) {
	a := consumer.Key{OrganizationID: "a", ConsumerID: "bc"}
	b := consumer.Key{OrganizationID: "ab", ConsumerID: "c"}
	if a.Digest() == b.Digest() || a.Hash() == b.Hash() {
		t.Error("two consumers have one digest")
	}
}

func TestDigestOfTheLongestIDsAllocatesNothing(t *testing.T) {
	key := consumer.Key{OrganizationID: strings.Repeat("o", 128), ConsumerID: strings.Repeat("c", 128)}
	var hash uint64
	if n := testing.AllocsPerRun(10, func() { hash += key.Hash() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if hash == 0 {
		t.Error("no hash")
	}
}
