package webhook_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/auth/webhook"
)

const (
	body     = `{"id":"evt_1","organizationId":"org_1"}`
	secret   = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	other    = "whsec_b3RoZXIgc2VjcmV0IG9mIDMyIGJ5dGVzLi4u"
	notB64   = "a plain secret, which is not base64"
	standard = "msg_p5jXN8AQM9LWM0D4loKWxJek"
)

var now = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func fanfare(secret string, at time.Time) http.Header {
	header := http.Header{}
	authtest.SignWebhook(header, []byte(body), secret, at)
	return header
}

func standardOf(t testing.TB, at time.Time, secrets ...string) http.Header {
	t.Helper()
	header := http.Header{}
	for _, secret := range secrets {
		if err := authtest.SignStandardWebhook(header, standard, []byte(body), secret, at); err != nil {
			t.Fatal(err)
		}
	}
	return header
}

func with(header http.Header, changes ...string) http.Header {
	header = header.Clone()
	for i := 0; i < len(changes); i += 2 {
		header.Set(changes[i], changes[i+1])
	}
	return header
}

func without(header http.Header, name string) http.Header {
	header = header.Clone()
	header.Del(name)
	return header
}

func twice(header http.Header, name string) http.Header {
	header = header.Clone()
	header.Add(name, header.Get(name))
	return header
}

func both(a, b http.Header) http.Header {
	header := a.Clone()
	for name, values := range b {
		header[name] = values
	}
	return header
}

// Every rule of the two schemes, one case each.
func TestVerify(t *testing.T) {
	first, second := fanfare(secret, now), standardOf(t, now, secret)
	tooOld, tooNew := now.Add(-5*time.Minute-time.Second), now.Add(5*time.Minute+time.Second)
	for _, test := range []struct {
		name    string
		header  http.Header
		secrets []string
		valid   bool
	}{
		{"Fanfare", first, []string{secret}, true},
		{"Fanfare, a secret that is not base64", fanfare(notB64, now), []string{notB64}, true},
		{"Fanfare, the second of two secrets", first, []string{other, secret}, true},
		{"Fanfare, the first of two secrets", first, []string{secret, other}, true},
		{"Fanfare, five minutes old", fanfare(secret, now.Add(-5*time.Minute)), []string{secret}, true},
		{"Fanfare, five minutes ahead", fanfare(secret, now.Add(5*time.Minute)), []string{secret}, true},
		{"Standard Webhooks", second, []string{secret}, true},
		{"Standard Webhooks, two signatures", standardOf(t, now, other, secret), []string{secret}, true},
		{"Standard Webhooks, the other of two signatures", standardOf(t, now, secret, other), []string{secret}, true},
		{"Standard Webhooks, the second of two secrets", second, []string{notB64, other, secret}, true},
		{"Standard Webhooks, a version that is unknown before it", with(second, "Webhook-Signature", "v1a,x "+second.Get("Webhook-Signature")), []string{secret}, true},
		{"Standard Webhooks, five minutes old", standardOf(t, now.Add(-5*time.Minute), secret), []string{secret}, true},
		{"both, both valid", both(first, second), []string{secret}, true},
		{"both, only Fanfare's valid", both(first, standardOf(t, now, other)), []string{secret}, true},

		{"nothing", http.Header{}, []string{secret}, false},
		{"no secret", first, nil, false},
		{"no secret, Standard Webhooks", second, nil, false},
		{"an empty secret", fanfare("", now), []string{""}, false},
		{"an empty key", with(second, "Webhook-Signature", emptyKeySignature(now)), []string{"whsec_", ""}, false},
		{"another secret", first, []string{other}, false},
		{"another secret, Standard Webhooks", second, []string{other}, false},
		{"a secret that is not base64, Standard Webhooks", second, []string{notB64}, false},
		{"the key of the secret in place of its text", fanfare(string(decoded(t, secret)), now), []string{secret}, false},
		{"both, only the standard one valid", both(fanfare(other, now), second), []string{secret}, false},
		{"a timestamp of Fanfare's with a standard signature", both(http.Header{"X-Fanfare-Timestamp": first["X-Fanfare-Timestamp"]}, second), []string{secret}, false},
		{"a signature of Fanfare's with a standard one", both(without(first, "X-Fanfare-Timestamp"), second), []string{secret}, false},
		{"no timestamp", without(first, "X-Fanfare-Timestamp"), []string{secret}, false},
		{"no signature", without(first, "X-Fanfare-Signature"), []string{secret}, false},
		{"no id", without(second, "Webhook-Id"), []string{secret}, false},
		{"no standard timestamp", without(second, "Webhook-Timestamp"), []string{secret}, false},
		{"no standard signature", without(second, "Webhook-Signature"), []string{secret}, false},
		{"timestamp twice", twice(first, "X-Fanfare-Timestamp"), []string{secret}, false},
		{"signature twice", twice(first, "X-Fanfare-Signature"), []string{secret}, false},
		{"id twice", twice(second, "Webhook-Id"), []string{secret}, false},
		{"standard timestamp twice", twice(second, "Webhook-Timestamp"), []string{secret}, false},
		{"standard signature twice", twice(second, "Webhook-Signature"), []string{secret}, false},
		{"too old", fanfare(secret, tooOld), []string{secret}, false},
		{"too far ahead", fanfare(secret, tooNew), []string{secret}, false},
		{"too old, Standard Webhooks", standardOf(t, tooOld, secret), []string{secret}, false},
		{"too far ahead, Standard Webhooks", standardOf(t, tooNew, secret), []string{secret}, false},
		{"upper-case hex", with(first, "X-Fanfare-Signature", "sha256="+strings.ToUpper(first.Get("X-Fanfare-Signature")[7:])), []string{secret}, false},
		{"upper-case prefix", with(first, "X-Fanfare-Signature", "SHA256="+first.Get("X-Fanfare-Signature")[7:]), []string{secret}, false},
		{"no prefix", with(first, "X-Fanfare-Signature", first.Get("X-Fanfare-Signature")[7:]), []string{secret}, false},
		{"a part of the signature", with(first, "X-Fanfare-Signature", first.Get("X-Fanfare-Signature")[:70]), []string{secret}, false},
		{"a space after the signature", with(first, "X-Fanfare-Signature", first.Get("X-Fanfare-Signature")+" "), []string{secret}, false},
		{"another version", with(second, "Webhook-Signature", "v2"+second.Get("Webhook-Signature")[2:]), []string{secret}, false},
		{"a comma between signatures", with(second, "Webhook-Signature", "v1,x,"+second.Get("Webhook-Signature")), []string{secret}, false},
		{"no padding", with(second, "Webhook-Signature", strings.TrimRight(second.Get("Webhook-Signature"), "=")), []string{secret}, false},
		{"another id", with(second, "Webhook-Id", "msg_2"), []string{secret}, false},
		{"another timestamp", with(first, "X-Fanfare-Timestamp", strconv.FormatInt(now.Unix()+1, 10)), []string{secret}, false},
		{"a sign", with(first, "X-Fanfare-Timestamp", "+"+first.Get("X-Fanfare-Timestamp")), []string{secret}, false},
		{"a timestamp that is not a number", with(first, "X-Fanfare-Timestamp", "now"), []string{secret}, false},
		{"a timestamp in milliseconds", with(first, "X-Fanfare-Timestamp", first.Get("X-Fanfare-Timestamp")+"000"), []string{secret}, false},
		{"a timestamp that overflows", with(first, "X-Fanfare-Timestamp", "18446744073709551616"), []string{secret}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := webhook.Verify(test.header, []byte(body), test.secrets, now)
			if (err == nil) != test.valid || err != nil && !errors.Is(err, webhook.ErrSignature) {
				t.Errorf("got %v, valid: want %t", err, test.valid)
			}
			if err != nil {
				for _, value := range append(test.secrets, test.header.Get("X-Fanfare-Signature"), test.header.Get("Webhook-Signature"), "org_1") {
					if value != "" && strings.Contains(err.Error(), value) {
						t.Errorf("the error contains %q: %v", value, err)
					}
				}
			}
		})
	}
}

func decoded(t *testing.T, secret string) []byte {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// emptyKeySignature returns what everybody can sign.
func emptyKeySignature(at time.Time) string {
	header := http.Header{}
	_ = authtest.SignStandardWebhook(header, standard, []byte(body), "whsec_", at)
	return header.Get("Webhook-Signature")
}

// A signed request is valid. With any change of its body, secret or header it is not.
func TestVerifyProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "body")
		key := rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(t, "key")
		secret := "whsec_" + base64.StdEncoding.EncodeToString(key)
		at := now.Add(time.Duration(rapid.IntRange(-300, 300).Draw(t, "age")) * time.Second)
		header, signature := http.Header{}, "X-Fanfare-Signature"
		if authtest.SignWebhook(header, content, secret, at); rapid.Bool().Draw(t, "standard") {
			header, signature = http.Header{}, "Webhook-Signature"
			if err := authtest.SignStandardWebhook(header, rapid.StringMatching(`[a-z.]{1,9}`).Draw(t, "id"), content, secret, at); err != nil {
				t.Fatal(err)
			}
		}
		if err := webhook.Verify(header, content, []string{"x", secret}, now); err != nil {
			t.Fatal(err)
		}
		switch rapid.SampledFrom([]string{"body", "longer", "secret", "signature", "timestamp"}).Draw(t, "change") {
		case "body":
			if len(content) == 0 {
				return
			}
			content[rapid.IntRange(0, len(content)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		case "longer":
			content = append(content, rapid.Byte().Draw(t, "last"))
		case "secret":
			key[rapid.IntRange(0, len(key)-1).Draw(t, "byte")] ^= 1
			secret = "whsec_" + base64.StdEncoding.EncodeToString(key)
		case "signature":
			text := []byte(header.Get(signature))
			text[rapid.IntRange(0, len(text)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 6).Draw(t, "bit")
			header.Set(signature, string(text))
		case "timestamp":
			for _, name := range []string{"X-Fanfare-Timestamp", "Webhook-Timestamp"} {
				if header.Get(name) != "" {
					header.Set(name, "0"+header.Get(name))
				}
			}
		}
		if err := webhook.Verify(header, content, []string{"x", secret}, now); !errors.Is(err, webhook.ErrSignature) {
			t.Fatalf("changed: got %v", err)
		}
	})
}

// Signatures of Node's crypto are valid in both schemes.
func TestVerifySignaturesOfNode(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is missing")
	}
	const script = `
		const { createHmac } = require("crypto");
		const [secret, id, timestamp, body] = process.argv.slice(1);
		const key = Buffer.from(secret.slice("whsec_".length), "base64");
		console.log(JSON.stringify({
			fanfare: "sha256=" + createHmac("sha256", secret).update(timestamp + "." + body).digest("hex"),
			standard: "v1," + createHmac("sha256", key).update(id + "." + timestamp + "." + body).digest("base64"),
		}));`
	timestamp := strconv.FormatInt(now.Unix(), 10)
	for _, content := range []string{body, "", "Grüße, 世界 \n"} {
		output, err := exec.CommandContext(t.Context(), node, "-e", script, "--", secret, standard, timestamp, content).Output()
		if err != nil {
			t.Fatal(err)
		}
		var signatures struct{ Fanfare, Standard string }
		if err := json.Unmarshal(output, &signatures); err != nil {
			t.Fatal(err)
		}
		for _, header := range []http.Header{
			{"X-Fanfare-Timestamp": {timestamp}, "X-Fanfare-Signature": {signatures.Fanfare}},
			{"Webhook-Id": {standard}, "Webhook-Timestamp": {timestamp}, "Webhook-Signature": {signatures.Standard}},
		} {
			if err := webhook.Verify(header, []byte(content), []string{secret}, now); err != nil {
				t.Errorf("%q: %v", content, err)
			}
		}
	}
}

// FuzzVerify tries any headers and body. Nobody can sign without the secret.
func FuzzVerify(f *testing.F) {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	for _, header := range []http.Header{fanfare(other, now), fanfare("", now)} {
		f.Add(timestamp, header.Get("X-Fanfare-Signature"), "", "", "", body)
	}
	forged := standardOf(f, now, other)
	f.Add("", "", standard, timestamp, forged.Get("Webhook-Signature"), body)
	f.Add("", "", standard, timestamp, emptyKeySignature(now), body)
	f.Add(timestamp, "", standard, timestamp, forged.Get("Webhook-Signature"), body)
	f.Fuzz(func(t *testing.T, timestamp, signature, id, standardTimestamp, standardSignature, content string) {
		header := http.Header{}
		for name, value := range map[string]string{
			"X-Fanfare-Timestamp": timestamp, "X-Fanfare-Signature": signature,
			"Webhook-Id": id, "Webhook-Timestamp": standardTimestamp, "Webhook-Signature": standardSignature,
		} {
			if value != "" {
				header.Set(name, value)
			}
		}
		if err := webhook.Verify(header, []byte(content), []string{secret, notB64, "", "whsec_"}, now); !errors.Is(err, webhook.ErrSignature) {
			t.Fatalf("got %v", err)
		}
	})
}
