package auth

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math/big"
	"slices"
)

// checkPublicKey refuses public keys that must never verify a signature: encodings that are
// not a point of the curve, second encodings of a point (RFC 8032, section 5.1.3), and points
// of low order. With a point of low order, a signature that everybody can make without a
// private key is valid for one message in eight or for all. crypto/ed25519 accepts the last
// two.
func checkPublicKey(public ed25519.PublicKey) error {
	if len(public) != ed25519.PublicKeySize {
		return errors.New("not 32 bytes long")
	}
	// The encoding is y, little-endian, with the sign of x in the highest bit.
	encoded := slices.Clone(public)
	encoded[len(encoded)-1] &= 0x7f
	for _, low := range lowOrderPoints {
		if bytes.Equal(encoded, low[:]) {
			return errors.New("a point of low order")
		}
	}
	slices.Reverse(encoded)
	y := new(big.Int).SetBytes(encoded)

	p := new(big.Int).Lsh(big.NewInt(1), 255) // 2²⁵⁵ − 19
	p.Sub(p, big.NewInt(19))
	if y.Cmp(p) >= 0 {
		return errors.New("not the canonical encoding of a point")
	}

	// On the curve −x² + y² = 1 + d·x²·y² with d = −121665/121666, so
	// x² = (y² − 1) / (d·y² + 1) = 121666·(y² − 1) / (121666 − 121665·y²),
	// which is a square when numerator times denominator is.
	y2 := new(big.Int).Mul(y, y)
	numerator := new(big.Int).Sub(y2, big.NewInt(1))
	numerator.Mul(numerator, big.NewInt(121666))
	denominator := new(big.Int).Mul(y2, big.NewInt(-121665))
	denominator.Add(denominator, big.NewInt(121666))
	if square := numerator.Mul(numerator, denominator); big.Jacobi(square.Mod(square, p), p) < 0 {
		return errors.New("not a point of the curve")
	}
	return nil
}

// lowOrderPoints are the y coordinates of the eight points whose order divides eight,
// little-endian and without the sign of x: 0 (order 4), 1 (the identity), −1 (order 2),
// and ±y of the points of order 8.
var lowOrderPoints = [...][ed25519.PublicKeySize]byte{
	{},
	{0x01},
	{
		0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
	},
	{
		0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
	},
	{
		0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
	},
}
