package httpservertest_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/httpserver/httpservertest"
)

// testCheckout is a whole test: a shopper waits, is admitted, and comes back to the
// admission until it ends.
func testCheckout(t testing.TB) {
	server := httpservertest.New(t)
	server.AddConsumer("cons_ada")
	server.Enter("cons_ada", "queue_sneaker")
	if _, document := server.Me("cons_ada"); document.Active.Journeys[0].Admission != nil {
		t.Error("the shopper is admitted already")
	}

	token := server.Admit("cons_ada", "queue_sneaker", 10*time.Minute)
	_, document := server.Me("cons_ada")
	if got := document.Active.Journeys[0].Admission; got == nil || got.AdmissionToken != token {
		t.Errorf("the admission is %+v, want the token %s", got, token)
	}

	server.Advance(10 * time.Minute)
	if _, document := server.Me("cons_ada"); len(document.Active.Journeys) != 0 {
		t.Error("the admission did not expire")
	}
}

func Example() {
	t := &printer{}
	defer t.end()
	testCheckout(t) // in a test of yours, t is its *testing.T
	fmt.Println("failures:", t.failures)
	// Output: failures: 0
}

// printer is a testing.TB outside of a test.
type printer struct {
	testing.TB
	failures int
	cleanups []func()
}

func (p *printer) Helper()          {}
func (p *printer) Cleanup(f func()) { p.cleanups = append(p.cleanups, f) }

func (p *printer) Error(args ...any) {
	fmt.Println(args...)
	p.failures++
}

func (p *printer) Errorf(format string, args ...any) { p.Error(fmt.Sprintf(format, args...)) }

func (p *printer) end() {
	for _, f := range slices.Backward(p.cleanups) {
		f()
	}
}
