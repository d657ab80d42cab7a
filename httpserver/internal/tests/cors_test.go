package tests_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/httpserver"
)

func withOrigins(origins ...string) func(*httpserver.Options) {
	return func(o *httpserver.Options) { o.CORSOrigins = origins }
}

// corsHeaders returns the headers of a response that a browser decides by.
func corsHeaders(r *http.Response) map[string]string {
	found := map[string]string{}
	for name, values := range r.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			found[name] = strings.Join(values, ", ")
		}
	}
	return found
}

func TestPreflight(t *testing.T) {
	allowed := func(origin string) map[string]string {
		return map[string]string{
			"Access-Control-Allow-Origin":  origin,
			"Access-Control-Allow-Methods": "GET, HEAD",
			"Access-Control-Allow-Headers": "*,authorization", // the wildcard doesn't cover Authorization
			"Access-Control-Max-Age":       "600",
		}
	}
	const asBrowsersDo = "authorization,if-none-match,x-publishable-key"
	for name, test := range map[string]struct {
		origins []string
		origin  string
		method  string
		headers string
		want    map[string]string
	}{
		"an allowed origin":                  {[]string{"https://a.example"}, "https://a.example", "GET", asBrowsersDo, allowed("https://a.example")},
		"headers in another form":            {[]string{"https://a.example"}, "https://a.example", "GET", "X-Publishable-Key, Authorization , If-None-Match,", allowed("https://a.example")},
		"one of several origins":             {[]string{"https://a.example", "http://localhost:3000"}, "http://localhost:3000", "GET", asBrowsersDo, allowed("http://localhost:3000")},
		"a subdomain":                        {[]string{"https://*.a.example"}, "https://shop.a.example", "GET", asBrowsersDo, allowed("https://shop.a.example")},
		"a subdomain of a subdomain":         {[]string{"https://*.a.example"}, "https://x.shop.a.example", "GET", asBrowsersDo, nil},
		"a listed subdomain of a subdomain":  {[]string{"https://*.a.example", "https://x.shop.a.example"}, "https://x.shop.a.example", "GET", asBrowsersDo, allowed("https://x.shop.a.example")},
		"one below another wildcard":         {[]string{"https://*.a.example", "https://*.shop.a.example"}, "https://x.shop.a.example", "GET", asBrowsersDo, allowed("https://x.shop.a.example")},
		"one with an exact origin as well":   {[]string{"https://b.example", "https://*.a.example"}, "https://x.shop.a.example", "GET", asBrowsersDo, nil},
		"a subdomain on any port":            {[]string{"https://*.a.example:*"}, "https://shop.a.example:8443", "GET", asBrowsersDo, allowed("https://shop.a.example:8443")},
		"any port, the default one":          {[]string{"https://*.a.example:*"}, "https://shop.a.example", "GET", asBrowsersDo, allowed("https://shop.a.example")},
		"a deep subdomain on any port":       {[]string{"https://*.a.example:*"}, "https://x.shop.a.example:8443", "GET", asBrowsersDo, nil},
		"any port of an address":             {[]string{"http://[::1]:*"}, "http://[::1]:3000", "GET", asBrowsersDo, allowed("http://[::1]:3000")},
		"no port of an address":              {[]string{"http://127.0.0.1:*"}, "http://127.0.0.1", "GET", asBrowsersDo, allowed("http://127.0.0.1")},
		"another port":                       {[]string{"https://*.a.example"}, "https://shop.a.example:8443", "GET", asBrowsersDo, nil},
		"any origin, however deep":           {[]string{"*"}, "https://x.y.b.example", "GET", asBrowsersDo, allowed("*")},
		"any origin":                         {[]string{"*"}, "https://b.example", "GET", asBrowsersDo, allowed("*")},
		"any origin and another":             {[]string{"https://a.example", "*"}, "https://b.example", "GET", asBrowsersDo, allowed("*")},
		"another origin":                     {[]string{"https://a.example"}, "https://b.example", "GET", asBrowsersDo, nil},
		"the origin in another scheme":       {[]string{"https://a.example"}, "http://a.example", "GET", asBrowsersDo, nil},
		"an origin that begins like the one": {[]string{"https://a.example"}, "https://a.example.evil.example", "GET", asBrowsersDo, nil},
		"the parent of the subdomains":       {[]string{"https://*.a.example"}, "https://a.example", "GET", asBrowsersDo, nil},
		"a header of tracing":                {[]string{"https://a.example"}, "https://a.example", "GET", "authorization,traceparent,x-publishable-key", allowed("https://a.example")},
		"a content type":                     {[]string{"https://a.example"}, "https://a.example", "GET", "content-type,x-request-id", allowed("https://a.example")},
		"any header":                         {[]string{"https://a.example"}, "https://a.example", "GET", "x-other", allowed("https://a.example")},
		"any header of another origin":       {[]string{"https://a.example"}, "https://b.example", "GET", "x-other", nil},
		"another method":                     {[]string{"https://a.example"}, "https://a.example", "DELETE", "", nil},
		"no origin configured":               {nil, "https://a.example", "GET", asBrowsersDo, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, withOrigins(test.origins...), withStreams)
			headers := []string{"Origin", test.origin, "Access-Control-Request-Method", test.method}
			if test.headers != "" {
				headers = append(headers, "Access-Control-Request-Headers", test.headers)
			}
			response := w.do("OPTIONS", prefix+"/me", headers...)
			if response.StatusCode != 204 || response.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
				t.Errorf("status %d, Allow %q", response.StatusCode, response.Header.Get("Allow"))
			}
			got := corsHeaders(response)
			if test.want == nil {
				test.want = map[string]string{}
			}
			if names := strings.Split(got["Access-Control-Allow-Headers"], ","); len(names) > 1 {
				got["Access-Control-Allow-Headers"] = strings.Join(slices.Sorted(slices.Values(names)), ",")
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			if test.want != nil {
				if diff := cmp.Diff(got, corsHeaders(w.do("OPTIONS", prefix+"/me/events", headers...))); diff != "" {
					t.Errorf("headers of the stream (-me +stream):\n%s", diff)
				}
			}
			if lookup := w.do("OPTIONS", prefix+"/cons_1", headers...); len(corsHeaders(lookup)) != 0 || lookup.StatusCode != 204 {
				t.Errorf("the look-up allows browsers: %v", slices.Collect(maps.Keys(corsHeaders(lookup))))
			}
		})
	}
}

func TestCrossOriginRequests(t *testing.T) {
	const origin = "https://a.example"
	shared := map[string]string{
		"Access-Control-Allow-Origin":   origin,
		"Access-Control-Expose-Headers": "ETag,Retry-After,X-Request-Id",
	}
	w := newWorld(t, withOrigins(origin))
	etag := w.me().Header.Get("ETag")
	for name, response := range map[string]*http.Response{
		"200": w.me("Origin", origin),
		"304": w.me("Origin", origin, "If-None-Match", etag),
		"401": w.do("GET", prefix+"/me", "Origin", origin),
		"405": w.do("POST", prefix+"/me", "Origin", origin),
	} {
		t.Run("readable: "+name, func(t *testing.T) {
			got := corsHeaders(response)
			names := strings.FieldsFunc(got["Access-Control-Expose-Headers"], func(r rune) bool { return r == ',' || r == ' ' })
			for i := range names {
				names[i] = http.CanonicalHeaderKey(names[i])
			}
			slices.Sort(names)
			got["Access-Control-Expose-Headers"] = strings.ReplaceAll(strings.Join(names, ","), "Etag", "ETag")
			if diff := cmp.Diff(shared, got); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			if vary := strings.Join(response.Header.Values("Vary"), ", "); !strings.Contains(vary, "Origin") {
				t.Errorf("Vary: %s", vary)
			}
		})
	}
	t.Run("another origin can't read", func(t *testing.T) {
		if got := corsHeaders(w.me("Origin", "https://b.example")); len(got) != 0 {
			t.Errorf("headers %v", got)
		}
	})
	t.Run("the response to a request without an origin varies with it too", func(t *testing.T) {
		if vary := strings.Join(w.me().Header.Values("Vary"), ", "); !strings.Contains(vary, "Origin") {
			t.Errorf("Vary: %s", vary)
		}
	})
	t.Run("the look-up can't be read", func(t *testing.T) {
		response := w.do("GET", prefix+"/cons_1", "Authorization", "Bearer "+secret, "Origin", origin)
		if got := corsHeaders(response); len(got) != 0 || response.StatusCode != 200 {
			t.Errorf("status %d, headers %v", response.StatusCode, got)
		}
	})
}

// Scripts can read the headers that an option adds.
func TestExposedHeaders(t *testing.T) {
	const origin, always = "https://a.example", "etag,retry-after,x-request-id"
	limited := func(o *httpserver.Options) { o.RateLimit.PerConsumer = 100 }
	byKey := func(o *httpserver.Options) { o.RateLimit.PerKey = 100 }
	const limits = ",x-ratelimit-limit,x-ratelimit-remaining,x-ratelimit-reset"
	for name, test := range map[string]struct {
		options []func(*httpserver.Options)
		want    string
	}{
		"by default":                {nil, always},
		"with poll intervals":       {[]func(*httpserver.Options){withPollIntervals(httpserver.PollIntervals{})}, "etag,retry-after,x-poll-interval,x-request-id"},
		"with a rate limit":         {[]func(*httpserver.Options){limited}, "etag,retry-after" + limits + ",x-request-id"},
		"with a rate limit per key": {[]func(*httpserver.Options){byKey}, "etag,retry-after" + limits + ",x-request-id"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, append(test.options, withOrigins(origin))...)
			response := w.me("Origin", origin)
			names := strings.Split(strings.ToLower(response.Header.Get("Access-Control-Expose-Headers")), ",")
			slices.Sort(names)
			if got := strings.Join(names, ","); got != test.want {
				t.Errorf("exposed: %s", got)
			}
			for name := range response.Header {
				if strings.HasPrefix(name, "X-Rate") && !slices.Contains(names, strings.ToLower(name)) {
					t.Errorf("%s is not exposed", name)
				}
			}
		})
	}
}
