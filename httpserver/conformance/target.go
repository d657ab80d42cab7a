package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Target is a deployment that the suite tests. The suite calls its functions one at a time.
type Target struct {
	// URL is the address of the prefix of the two endpoints, such as
	// "https://consumer.example.com/api/v1/consumers". Required.
	URL string
	// Organization owns the consumers of the suite. All fields are required.
	Organization Organization
	// OtherOrganization is a second organization of the same deployment, to test that nothing
	// crosses between the two. If it is zero, the rules about tenancy are skipped.
	OtherOrganization Organization
	// Token returns an access token of a consumer, which stays valid for at least a few
	// minutes. The suite also asks for tokens of consumers that do not exist. Required.
	Token func(ctx context.Context, organizationID, consumerID string) (string, error)
	// Load writes records of an organization, all of them or none. They are a JSON object
	// {"consumers":[…],"distributions":[…]}, either of which may be missing, in the format of
	// package recordjson and of POST {records}: see [PostRecords]. Each record has its
	// updatedAt. When Load has returned, responses show the records within MaxStaleness.
	//
	// If the error matches [errors.ErrUnsupported] for records with distributions, the rules
	// about distributions are skipped. Any other error ends the suite. Required.
	Load func(ctx context.Context, organization Organization, records []byte) error

	// Client sends the requests. The suite copies it and does not follow redirects. Default: a
	// client with a timeout of 30 seconds that asks for no compression.
	Client *http.Client
	// Now is the clock of the deployment, to within 30 minutes for the expiry of records and
	// 30 seconds for that of tokens. Default: [time.Now].
	Now func() time.Time
	// MaxStaleness is the time after which every response shows what Load wrote, for a
	// deployment with stale caches or read replicas. The suite waits for that long a few
	// times. Default: 0, the next response shows it.
	MaxStaleness time.Duration
	// SignToken signs a token with any header and claims, with the key of the access tokens. It
	// adds nothing but the kid that the header may need. If it is nil, the rules about the
	// contents of tokens are skipped.
	SignToken func(ctx context.Context, header, claims map[string]any) (string, error)
	// ExpiredToken returns a token of a consumer that expired more than a minute ago. Default:
	// one by SignToken. If both are nil, the rule about expired tokens is skipped.
	ExpiredToken func(ctx context.Context, organizationID, consumerID string) (string, error)
	// Origin is a browser origin that may call GET {prefix}/me, such as
	// "https://shop.example.com". If it is empty, the rules about browsers are skipped.
	Origin string
	// ForbiddenOrigin is an origin that may not. It is not used if every origin is allowed.
	// Default: "https://conformance.invalid".
	ForbiddenOrigin string
	// CleansPaths reports that something in front of the endpoints redirects a path such as
	// {prefix}//me to a clean one, as [http.ServeMux] does. The rule about such paths is
	// skipped then.
	CleansPaths bool
	// RejectsRepeatedHeaders reports that something in front of the endpoints responds to a
	// repeated Authorization or If-None-Match header itself, with 400, as nginx does. A
	// repeated credential may have that response then in place of the 401, and no rule
	// repeats If-None-Match.
	RejectsRepeatedHeaders bool
}

// Organization is an organization of a deployment, with its keys.
type Organization struct {
	// ID is the organization's id, as in the claim organizationId of its tokens.
	ID string
	// PublishableKey begins with pk_live_ or pk_test_.
	PublishableKey string
	// SecretKey begins with sk_live_ or sk_test_.
	SecretKey string
}

// validate returns an error that names all invalid fields.
func (t *Target) validate() error {
	var errs []error
	invalid := func(field, message string) { errs = append(errs, fmt.Errorf("%s %s", "Target."+field, message)) }
	if u, err := url.Parse(t.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		invalid("URL", "must be an http or https address")
	}
	for name, value := range t.Organization.fields() {
		if value == "" {
			invalid("Organization."+name, "is required")
		}
	}
	if t.OtherOrganization != (Organization{}) {
		own := t.Organization.fields()
		for name, value := range t.OtherOrganization.fields() {
			switch value {
			case "":
				invalid("OtherOrganization."+name, "is required if another field of it is set")
			case own[name]:
				invalid("OtherOrganization."+name, "must differ from that of Organization")
			}
		}
	}
	if t.Token == nil {
		invalid("Token", "is required")
	}
	if t.Load == nil {
		invalid("Load", "is required")
	}
	if t.MaxStaleness < 0 {
		invalid("MaxStaleness", "must not be negative")
	}
	return errors.Join(errs...)
}

func (o Organization) fields() map[string]string {
	return map[string]string{"ID": o.ID, "PublishableKey": o.PublishableKey, "SecretKey": o.SecretKey}
}

// withDefaults returns the target with its defaults.
func (t Target) withDefaults() Target {
	t.URL = strings.TrimRight(t.URL, "/")
	if t.Now == nil {
		t.Now = time.Now
	}
	if t.ForbiddenOrigin == "" {
		t.ForbiddenOrigin = "https://conformance.invalid"
	}
	client := http.Client{Timeout: 30 * time.Second}
	if t.Client != nil {
		client = *t.Client
	} else if transport, ok := http.DefaultTransport.(*http.Transport); ok {
		transport = transport.Clone()
		transport.DisableCompression = true
		client.Transport = transport
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Client = &client
	if t.ExpiredToken == nil && t.SignToken != nil {
		sign, now := t.SignToken, t.Now
		t.ExpiredToken = func(ctx context.Context, organizationID, consumerID string) (string, error) {
			claims := accessClaims(organizationID, consumerID, now())
			claims["iat"], claims["exp"] = now().Add(-2*time.Hour).Unix(), now().Add(-time.Hour).Unix()
			return sign(ctx, tokenHeader(), claims)
		}
	}
	return t
}
