package httpjson_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/httpserver/internal/httpjson"
)

func TestWriteError(t *testing.T) {
	for name, test := range map[string]struct {
		e    httpjson.Error
		want string
	}{
		"the text alone": {httpjson.Error{Error: "Not found"}, `{"error":"Not found"}`},
		"everything": {
			httpjson.Error{Error: "Validation failed", Message: "m", Details: []httpjson.Detail{{Field: "a.b", Message: "c"}}, RetryAfter: 7},
			`{"error":"Validation failed","message":"m","details":[{"field":"a.b","message":"c"}],"retryAfter":7}`,
		},
		"an unwanted body":      {httpjson.UnwantedBody("HEAD"), `{"error":"Bad request","message":"A HEAD request must not have a body."}`},
		"text that isn't UTF-8": {httpjson.Error{Error: "\xff"}, `{"error":"Internal server error"}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			httpjson.WriteError(w, http.StatusTeapot, test.e)
			if w.Code != http.StatusTeapot || w.Body.String() != test.want {
				t.Errorf("status %d, body %s", w.Code, w.Body)
			}
			want := http.Header{
				"Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"},
				"Content-Type": {"application/json; charset=utf-8"},
			}
			got := w.Header().Clone()
			got.Del("Content-Length")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			if length := w.Result().ContentLength; length != int64(len(test.want)) {
				t.Errorf("Content-Length %d", length)
			}
		})
	}
}
