package tests_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/httpserver"
)

// cookieAuth embeds an authenticator, and knows callers by other means than API keys.
type cookieAuth struct{ *auth.Authenticator }

func (cookieAuth) AuthenticateConsumer(context.Context, *http.Request) (auth.ConsumerCaller, error) {
	return auth.ConsumerCaller{Identity: auth.Identity{OrganizationID: org, ConsumerID: "cons_1"}}, nil
}

func (cookieAuth) AuthenticateServer(context.Context, *http.Request) (auth.ServerCaller, error) {
	return auth.ServerCaller{OrganizationID: org}, nil
}

// An authenticator that embeds another one decides by itself which key a request counts for.
// A key that it did not read, and that nobody checked, must not get a limit of its own.
func TestRateLimitPerKeyOfAnEmbeddedAuthenticator(t *testing.T) {
	want := []int{200, 429, 429}
	for path, header := range map[string]string{prefix + "/me": "X-Publishable-Key", prefix + "/cons_1": "Authorization"} {
		w := newWorld(t, func(o *httpserver.Options) {
			o.Auth = cookieAuth{o.Auth.(*auth.Authenticator)}
			o.RateLimit = httpserver.RateLimit{PerKey: 1}
		})
		var got []int
		for i := range want {
			value := fmt.Sprintf("pk_test_invented%012d", i)
			if header == "Authorization" {
				value = fmt.Sprintf("Bearer sk_test_invented%012d", i)
			}
			got = append(got, w.do("GET", path, header, value).StatusCode)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}
