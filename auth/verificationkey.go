package auth

import (
	"bytes"
	"crypto/ed25519"
	"crypto/fips140"
	"crypto/sha512"
	"slices"
	"sync"

	"filippo.io/edwards25519"
)

// verificationKey verifies Ed25519 signatures (RFC 8032, section 5.1.7). The results are those
// of crypto/ed25519, which the tests compare with, in half the time: a key verifies many
// signatures, so that multiples of its point are computed once, where crypto/ed25519 has to
// begin with the 32 bytes each time.
type verificationKey struct {
	public   ed25519.PublicKey
	multiple func() *multiples // of minus the point of the key; computed for the first token
}

// newVerificationKey takes a key that passed checkPublicKey.
func newVerificationKey(public ed25519.PublicKey) *verificationKey {
	public = slices.Clone(public)
	return &verificationKey{public: public, multiple: sync.OnceValue(func() *multiples {
		point, err := new(edwards25519.Point).SetBytes(public)
		if err != nil {
			return nil // it did not pass
		}
		return newMultiples(point.Negate(point))
	})}
}

// generator are the multiples of the generator of the group.
var generator = sync.OnceValue(func() *multiples { return newMultiples(edwards25519.NewGeneratorPoint()) })

// verify reports whether the signature of the message is valid. It takes a time that depends
// on its arguments, none of which is secret.
func (k *verificationKey) verify(message, signature []byte) bool {
	if fips140.Enabled() { // only the module that was validated is allowed then
		return ed25519.Verify(k.public, message, signature)
	}
	if len(signature) != ed25519.SignatureSize {
		return false
	}
	r, s := signature[:32], signature[32:]
	if _, err := new(edwards25519.Scalar).SetCanonicalBytes(s); err != nil {
		return false
	}
	hash := sha512.New()
	hash.Write(r)
	hash.Write(k.public)
	hash.Write(message)
	var sum [sha512.Size]byte
	challenge, err := new(edwards25519.Scalar).SetUniformBytes(hash.Sum(sum[:0]))
	minusA := k.multiple()
	if err != nil || minusA == nil {
		return false
	}
	// R = s·B − challenge·A, compared in its encoded form.
	point := sumOfProducts(generator(), digitsOf(s), minusA, digitsOf(challenge.Bytes()))
	return bytes.Equal(point.Bytes(), r)
}

const (
	scalarDigits = 64 // of four bits each
	// rowDistance is the number of digits from one row of multiples to the next. With a
	// row for each digit a signature takes 7 % less time and a key four times the memory.
	rowDistance = 4
)

// multiples has P, 2P … 8P for P = 16ⁿ·point, in a row for every fourth n: 20 KiB.
type multiples [scalarDigits / rowDistance][8]edwards25519.Point

func newMultiples(point *edwards25519.Point) *multiples {
	m := new(multiples)
	next := new(edwards25519.Point).Set(point)
	for i := range m {
		m[i][0].Set(next)
		for j := 1; j < len(m[i]); j++ {
			m[i][j].Add(&m[i][j-1], next)
		}
		for range rowDistance {
			timesSixteen(next)
		}
	}
	return m
}

// digitsOf returns the digits of a canonical scalar to the base 16, from −8 to 8, with the
// least significant digit first.
func digitsOf(scalar []byte) (digits [scalarDigits]int8) {
	for i, b := range scalar {
		digits[2*i], digits[2*i+1] = int8(b&15), int8(b>>4)
	}
	for i := range scalarDigits - 1 { // the last one has no carry: a scalar is below 2²⁵³
		carry := (digits[i] + 8) >> 4
		digits[i] -= carry << 4
		digits[i+1] += carry
	}
	return digits
}

// sumOfProducts returns x·P + y·Q, from the multiples of P and Q and the digits of x and y.
func sumOfProducts(p *multiples, x [scalarDigits]int8, q *multiples, y [scalarDigits]int8) (sum edwards25519.Point) {
	sum.Set(edwards25519.NewIdentityPoint())
	for offset := rowDistance - 1; offset >= 0; offset-- {
		timesSixteen(&sum)
		for row := range p {
			digit := row*rowDistance + offset
			addMultiple(&sum, &p[row], x[digit])
			addMultiple(&sum, &q[row], y[digit])
		}
	}
	return sum
}

func addMultiple(sum *edwards25519.Point, row *[8]edwards25519.Point, digit int8) {
	switch {
	case digit > 0:
		sum.Add(sum, &row[digit-1])
	case digit < 0:
		sum.Subtract(sum, &row[-digit-1])
	}
}

func timesSixteen(point *edwards25519.Point) {
	for range 4 {
		point.Add(point, point)
	}
}
