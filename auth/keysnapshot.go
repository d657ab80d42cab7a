package auth

// keySnapshot is the key set between two changes. It never changes, so that a token is
// verified with all keys of one snapshot or all of the next.
type keySnapshot struct {
	keys []*verificationKey
	byID map[string]*verificationKey
}

// newKeySnapshot takes keys that were checked by checkPublicKey and distinctKeys.
func newKeySnapshot(keys []Key) *keySnapshot {
	s := &keySnapshot{byID: make(map[string]*verificationKey, len(keys))}
	for _, key := range keys {
		verification := newVerificationKey(key.Public)
		s.keys = append(s.keys, verification)
		if key.ID != "" {
			s.byID[key.ID] = verification
		}
	}
	return s
}

// check verifies the signature of a token, and returns the reason of the refusal or "". A
// token with kid is verified with the key of exactly that kid, a token without kid with
// every key in turn. A nil snapshot is one without keys.
func (s *keySnapshot) check(token *unverifiedToken) Reason {
	if s == nil {
		s = &keySnapshot{}
	}
	candidates := s.keys
	if token.keyID != "" {
		key, ok := s.byID[token.keyID]
		if !ok {
			return ReasonTokenKeyUnknown
		}
		candidates = []*verificationKey{key}
	}
	for _, key := range candidates {
		if key.verify(token.signed, token.signature) {
			return ""
		}
	}
	return ReasonTokenSignature
}
