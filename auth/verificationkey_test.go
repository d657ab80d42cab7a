package auth_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"filippo.io/edwards25519"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/auth"
)

// groupOrder is the order of the generator of Ed25519.
var groupOrder, _ = new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)

// littleEndian returns n in 32 bytes.
func littleEndian(n *big.Int) []byte {
	encoded := n.FillBytes(make([]byte, 32))
	slices.Reverse(encoded)
	return encoded
}

// sameAsLibrary fails if a key set and crypto/ed25519 disagree about a signature.
func sameAsLibrary(t interface {
	Helper()
	Fatalf(string, ...any)
}, set *auth.KeySet, public ed25519.PublicKey, message, signature []byte) {
	t.Helper()
	want := len(signature) == ed25519.SignatureSize && ed25519.Verify(public, message, signature)
	if got := set.VerifyBytes("", message, signature) == nil; got != want {
		t.Fatalf("valid: %t, want %t; public key %x, message %x, signature %x", got, want, []byte(public), message, signature)
	}
}

// Signatures that are valid, almost valid, and of edge cases are judged as by crypto/ed25519.
func TestSignaturesSameAsLibrary(t *testing.T) {
	valid := 0
	rapid.Check(t, func(t *rapid.T) {
		private := ed25519.NewKeyFromSeed(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed"))
		public := private.Public().(ed25519.PublicKey)
		set, err := auth.NewKeySet(t.Context(), auth.KeySetOptions{Keys: []auth.Key{{Public: public}}})
		if err != nil {
			t.Fatal(err)
		}
		for range 8 {
			message := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "message")
			signature := ed25519.Sign(private, message)
			r, s := signature[:32], signature[32:]
			switch rapid.IntRange(0, 9).Draw(t, "change") {
			case 0, 1: // none
				valid++
			case 2: // one bit
				signature[rapid.IntRange(0, 63).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			case 3: // another message
				message = append(message, 'x')
			case 4: // another spelling of S
				n := new(big.Int).SetBytes(reversed(s))
				copy(s, littleEndian(n.Add(n, groupOrder)))
			case 5: // another S
				copy(s, rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "s"))
				s[31] &= 0x0f
			case 6: // an edge case of S
				copy(s, littleEndian(new(big.Int).Add(groupOrder, big.NewInt(rapid.SampledFrom([]int64{-2, -1, 0, 1}).Draw(t, "s − order")))))
			case 7: // S with extreme digits
				copy(s, bytes.Repeat([]byte{rapid.SampledFrom([]byte{0x00, 0x77, 0x78, 0x87, 0x88, 0x89, 0xff}).Draw(t, "digits")}, 31))
				s[31] = rapid.SampledFrom([]byte{0x00, 0x07, 0x08, 0x0f, 0x10}).Draw(t, "last")
			case 8: // an R of low order, or no point at all
				copy(r, rapid.SampledFrom([][]byte{make([]byte, 32), littleEndian(big.NewInt(1)), bytes.Repeat([]byte{0xff}, 32)}).Draw(t, "r"))
			case 9: // another length
				signature = signature[:rapid.IntRange(0, 63).Draw(t, "length")]
			}
			sameAsLibrary(t, set, public, message, signature)
		}
	})
	if valid == 0 {
		t.Error("no signature was valid")
	}
}

func reversed(data []byte) []byte {
	data = slices.Clone(data)
	slices.Reverse(data)
	return data
}

// A key whose point has a part of low order is used as by crypto/ed25519: a signature of its
// other part is valid for one message in eight.
func TestSignaturesOfMixedOrder(t *testing.T) {
	order8, err := new(edwards25519.Point).SetBytes(unhex(t, lowOrder[10]))
	if err != nil {
		t.Fatal(err)
	}
	scalar := func(text string) *edwards25519.Scalar {
		hash := sha512.Sum512([]byte(text))
		n, err := edwards25519.NewScalar().SetUniformBytes(hash[:])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	private := scalar("private")
	point := new(edwards25519.Point).ScalarBaseMult(private)
	public := ed25519.PublicKey(point.Add(point, order8).Bytes())
	set := staticSet(t, auth.Key{Public: public})
	valid := 0
	for n := range 200 {
		message := fmt.Append(nil, n)
		nonce := scalar(fmt.Sprint("nonce ", n))
		r := new(edwards25519.Point).ScalarBaseMult(nonce).Bytes()
		s := nonce.MultiplyAdd(scalar(string(r)+string(public)+string(message)), private, nonce)
		signature := append(r, s.Bytes()...)
		sameAsLibrary(t, set, public, message, signature)
		if ed25519.Verify(public, message, signature) {
			valid++
		}
	}
	if valid < 10 || valid > 50 {
		t.Errorf("%d of 200 signatures are valid", valid)
	}
}

// FuzzSignature compares any key, message and signature.
func FuzzSignature(f *testing.F) {
	issuer := newSigner("issuer")
	message := []byte("message")
	f.Add([]byte(issuer.key("").Public), message, ed25519.Sign(issuer.private, message))
	f.Add(littleEndian(big.NewInt(3)), message, append([]byte{1}, make([]byte, 63)...))
	f.Add([]byte(issuer.key("").Public), message, bytes.Repeat([]byte{0x88}, 64))
	f.Fuzz(func(t *testing.T, public, message, signature []byte) {
		set, err := auth.NewKeySet(t.Context(), auth.KeySetOptions{Keys: []auth.Key{{Public: public}}})
		if err != nil {
			return
		}
		sameAsLibrary(t, set, public, message, signature)
	})
}
