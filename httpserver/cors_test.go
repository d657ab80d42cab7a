package httpserver_test

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

// corsHeaders is what of an answer a browser decides by.
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
			"Access-Control-Allow-Headers": "authorization,if-none-match,x-publishable-key",
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
		"one that is listed as well":         {[]string{"https://*.a.example", "https://x.shop.a.example"}, "https://x.shop.a.example", "GET", asBrowsersDo, allowed("https://x.shop.a.example")},
		"one below a wildcard of its own":    {[]string{"https://*.a.example", "https://*.shop.a.example"}, "https://x.shop.a.example", "GET", asBrowsersDo, allowed("https://x.shop.a.example")},
		"one beside an exact origin":         {[]string{"https://b.example", "https://*.a.example"}, "https://x.shop.a.example", "GET", asBrowsersDo, nil},
		"a subdomain on any port":            {[]string{"https://*.a.example:*"}, "https://shop.a.example:8443", "GET", asBrowsersDo, allowed("https://shop.a.example:8443")},
		"any port, the default one":          {[]string{"https://*.a.example:*"}, "https://shop.a.example", "GET", asBrowsersDo, allowed("https://shop.a.example")},
		"a deep subdomain on any port":       {[]string{"https://*.a.example:*"}, "https://x.shop.a.example:8443", "GET", asBrowsersDo, nil},
		"any port of an address":             {[]string{"http://[::1]:*"}, "http://[::1]:3000", "GET", asBrowsersDo, allowed("http://[::1]:3000")},
		"no port of an address":              {[]string{"http://127.0.0.1:*"}, "http://127.0.0.1", "GET", asBrowsersDo, allowed("http://127.0.0.1")},
		"another port":                       {[]string{"https://*.a.example"}, "https://shop.a.example:8443", "GET", asBrowsersDo, nil},
		"any origin, however deep":           {[]string{"*"}, "https://x.y.b.example", "GET", asBrowsersDo, allowed("*")},
		"any origin":                         {[]string{"*"}, "https://b.example", "GET", asBrowsersDo, allowed("*")},
		"any origin beside another":          {[]string{"https://a.example", "*"}, "https://b.example", "GET", asBrowsersDo, allowed("*")},
		"another origin":                     {[]string{"https://a.example"}, "https://b.example", "GET", asBrowsersDo, nil},
		"the origin in another scheme":       {[]string{"https://a.example"}, "http://a.example", "GET", asBrowsersDo, nil},
		"an origin that begins like the one": {[]string{"https://a.example"}, "https://a.example.evil.example", "GET", asBrowsersDo, nil},
		"the parent of the subdomains":       {[]string{"https://*.a.example"}, "https://a.example", "GET", asBrowsersDo, nil},
		"another header":                     {[]string{"https://a.example"}, "https://a.example", "GET", "x-other", nil},
		"another method":                     {[]string{"https://a.example"}, "https://a.example", "DELETE", "", nil},
		"no origin configured":               {nil, "https://a.example", "GET", asBrowsersDo, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, withOrigins(test.origins...))
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
	t.Run("another origin cannot read", func(t *testing.T) {
		if got := corsHeaders(w.me("Origin", "https://b.example")); len(got) != 0 {
			t.Errorf("headers %v", got)
		}
	})
	t.Run("the answer to a request without origin varies with it as well", func(t *testing.T) {
		if vary := strings.Join(w.me().Header.Values("Vary"), ", "); !strings.Contains(vary, "Origin") {
			t.Errorf("Vary: %s", vary)
		}
	})
	t.Run("the look-up is never readable", func(t *testing.T) {
		response := w.do("GET", prefix+"/cons_1", "Authorization", "Bearer "+secret, "Origin", origin)
		if got := corsHeaders(response); len(got) != 0 || response.StatusCode != 200 {
			t.Errorf("status %d, headers %v", response.StatusCode, got)
		}
	})
}
