package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

// shopServer is the shop of the sample page: it serves the page from an origin of its
// own, and says who is logged in.
type shopServer struct {
	t    *testing.T
	base string
	api  *running
	// server is the address of the server, also after a restart. front is where the page
	// finds the API: the server, or something in front of it.
	server, front string
	// checkouts receives the query of each visit to the checkout.
	checkouts chan string
}

// newShop starts a shop and a server that lets its origin in.
func newShop(t *testing.T, files fs.FS, args ...string) *shopServer {
	t.Helper()
	s := &shopServer{t: t, checkouts: make(chan string, 1)}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(files))
	mux.HandleFunc("/session", s.session)
	mux.HandleFunc("/checkout", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<!doctype html><title>Checkout</title>")
		s.checkouts <- r.URL.RawQuery
	})
	s.base = serve(t, mux)
	s.api = boot(t, append([]string{"-demo", "-database", "sqlite::memory:", "-cors-origin", s.base}, args...)...)
	s.server, s.front = s.api.base, s.api.base
	return s
}

// session answers with what the page needs for the consumer in its query.
func (s *shopServer) session(w http.ResponseWriter, r *http.Request) {
	answer, err := http.Get(s.server + "/demo/consumers")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway) // the server is restarted at the moment
		return
	}
	defer answer.Body.Close()
	var all roster
	if err := json.NewDecoder(answer.Body).Decode(&all); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	session := map[string]string{"baseUrl": s.front + apiPrefix, "publishableKey": all.PublishableKey}
	for _, c := range all.Consumers {
		if c.ID == r.FormValue("consumer") {
			session["accessToken"] = c.AccessToken
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(session)
}

// open loads the page of a consumer.
func (s *shopServer) open(b *tab, consumerID, options string) {
	b.t.Helper()
	b.do(chromedp.Navigate(s.base + "/?consumer=" + consumerID + options))
}

const quinnWaits = `document.querySelector("h1")?.textContent === "Welcome, Quinn Queue" && document.querySelector(".alert") === null`

// admit writes an admission of the consumer in the queue, over HTTP.
func (s *shopServer) admit(token string) {
	s.t.Helper()
	at := time.Now().UTC().Format(time.RFC3339Nano)
	status, answer := s.api.post(recordsPrefix, fmt.Sprintf(`{"consumers":[{"id":"cons_demo_queue","participations":[{
		"type":"queue","id":"queue_demo_sneaker","experienceId":"exp_demo_sneaker","sequenceId":"seq_demo_early",
		"status":"ADMITTED","enteredAt":%[1]q,"admittedAt":%[1]q,"admissionToken":%[2]q,"updatedAt":%[1]q}]}]}`, at, token),
		http.Header{"Authorization": {"Bearer sk_test_demo000000000000000000"}})
	if status != http.StatusOK {
		s.t.Fatalf("%d %s", status, answer)
	}
}

// admitted returns the condition that the page links to the checkout with a token.
func (s *shopServer) admitted(token string) string {
	return fmt.Sprintf(`document.querySelector(".alert p").textContent === "You have an active admission!" &&
		document.querySelector(".alert a").href === %q`, s.base+"/checkout?token="+token)
}

// watched is something in front of the API that counts.
type watched struct {
	http.Handler

	mu       sync.Mutex
	requests []string // the paths
	open     int      // event streams
	mostOpen int
}

// watch puts something that counts in front of the API.
func (s *shopServer) watch() *watched {
	s.t.Helper()
	target, err := url.Parse(s.api.base)
	must(s.t, err)
	w := &watched{Handler: httputil.NewSingleHostReverseProxy(target)}
	front := httptest.NewServer(w)
	s.t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
	})
	s.front = front.URL
	return w
}

func (w *watched) ServeHTTP(response http.ResponseWriter, r *http.Request) {
	isStream := strings.HasSuffix(r.URL.Path, "/events")
	if r.Method != http.MethodOptions {
		w.note(func() {
			w.requests = append(w.requests, strings.TrimPrefix(r.URL.Path, apiPrefix))
			if isStream {
				w.open++
				w.mostOpen = max(w.mostOpen, w.open)
			}
		})
		if isStream {
			defer w.note(func() { w.open-- })
		}
	}
	w.Handler.ServeHTTP(response, r)
}

func (w *watched) note(what func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	what()
}

// take returns the paths that were asked for since the last call.
func (w *watched) take() (paths []string) {
	w.note(func() { paths, w.requests = w.requests, nil })
	return paths
}

// buildProfilePage builds the page with the packages that its lock file names, in a copy of
// examples/typescript.
func buildProfilePage(t *testing.T) fs.FS {
	t.Helper()
	if os.Getenv("REJOIN_TEST_NPM") == "" {
		t.Skip("SKIPPED: REJOIN_TEST_NPM is not set, so nothing was installed from npm, and the sample page was not built")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		missing(t, "no npm here, so the sample page was not built")
	}
	root := t.TempDir()
	copied := filepath.Join(root, "rejoin")
	for _, name := range []string{"examples/typescript", "httpserver/openapi.json", "httpserver/openapi-records.json", "../shared/seed-consumer-identity-api.txt"} {
		copyTree(t, filepath.Join("..", "..", filepath.FromSlash(name)), filepath.Join(copied, filepath.FromSlash(name)))
	}
	for _, command := range [][]string{{"npm", "ci", "--no-audit", "--no-fund"}, {"npm", "run", "build"}, {"npm", "run", "profile:build"}} {
		step := exec.CommandContext(t.Context(), command[0], command[1:]...)
		step.Dir = filepath.Join(copied, "examples", "typescript")
		if output, err := step.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, output)
		}
	}
	return os.DirFS(filepath.Join(copied, "examples", "typescript", "build", "profile"))
}

// copyTree copies a file or a directory, if it is there, without what npm made in it.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	must(t, filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case path == from && errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{"node_modules", "build", "generated"}, entry.Name()):
			return filepath.SkipDir
		case entry.IsDir():
			return nil
		}
		copied := filepath.Join(to, strings.TrimPrefix(path, from))
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return errors.Join(os.MkdirAll(filepath.Dir(copied), 0o700), os.WriteFile(copied, text, 0o600))
	}))
}

// TestProfilePage: the page and the snippet of the API's documentation work in a browser, on
// another origin than the server.
func TestProfilePage(t *testing.T) {
	chromium(t)
	files := buildProfilePage(t)
	for name, test := range map[string]func(*testing.T, fs.FS){
		"an admission shows without a reload":                 testAdmissionShows,
		"it fits on a phone and on a desk":                    testProfileFits,
		"it outlives a restart of the server":                 testProfileOutlivesTheServer,
		"it goes on after it was offline":                     testProfileOffline,
		"the snippet goes to the checkout":                    testResume,
		"ten hooks in each of three tabs share one stream":    testOneStream,
		"a hidden page asks for nothing, and once when shown": testHidden,
	} {
		t.Run(name, func(t *testing.T) { test(t, files) })
	}
}

func testAdmissionShows(t *testing.T, files fs.FS) {
	s := newShop(t, files)
	b := newTab(t)
	s.open(b, "cons_demo_queue", "")
	b.until(quinnWaits)
	if text := b.text(); !strings.Contains(text, "Email: quinn") || !strings.Contains(text, "queue_demo_sneaker") {
		t.Errorf("the page says %s", text)
	}
	evaluate[bool](b, `window.sameVisit = true`)
	begun := time.Now()
	s.admit("tok&en=1")
	b.until(s.admitted("tok&en=1"))
	t.Logf("the admission shows after %v", time.Since(begun).Round(time.Millisecond))
	if !evaluate[bool](b, "window.sameVisit === true") {
		t.Error("the page was loaded again")
	}
}

func testProfileFits(t *testing.T, files fs.FS) {
	script := axeScript(t)
	s := newShop(t, files)
	b := newTab(t)
	// The texts that lie on top of one another.
	const overlaps = `(() => {
		const texts = [...document.querySelectorAll("h1, h2, h3, p, a")].filter(e => !e.querySelector("a")).map(e => [e.textContent, e.getBoundingClientRect()]);
		return texts.flatMap(([one, a], n) => texts.slice(n + 1)
			.filter(([, b]) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
			.map(([other]) => one + " and " + other));
	})()`
	for _, width := range []int64{360, 1440} {
		for _, scheme := range []string{"light", "dark"} {
			b.emulateScheme(scheme)
			b.do(chromedp.EmulateViewport(width, 800), chromedp.Navigate("about:blank"))
			s.open(b, "cons_demo_several", "")
			b.until(`document.querySelector("h1")?.textContent === "Welcome, Sam Several" && document.querySelectorAll("article").length > 1`)
			if wide := evaluate[int64](b, "document.documentElement.scrollWidth"); wide > width {
				t.Errorf("at %d pixels the page is %d wide", width, wide)
			}
			if found := evaluate[[]string](b, overlaps); len(found) > 0 {
				t.Errorf("at %d pixels these overlap: %s", width, strings.Join(found, "; "))
			}
			evaluate[bool](b, script+"; true")
			if found := evaluate[[]string](b, axeViolations); len(found) > 0 {
				t.Errorf("at %d pixels, %s:\n%s", width, scheme, strings.Join(found, "\n"))
			}
			b.picture(fmt.Sprintf("profile-%d-%s.png", width, scheme))
		}
	}
}

// picture writes a screenshot of the page into the directory of REJOIN_TEST_SCREENSHOTS, if
// there is one.
func (b *tab) picture(name string) {
	b.t.Helper()
	directory := os.Getenv("REJOIN_TEST_SCREENSHOTS")
	if directory == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	must(b.t, err)
	must(b.t, os.WriteFile(filepath.Join(directory, name), picture, 0o600))
}

func testProfileOutlivesTheServer(t *testing.T, files fs.FS) {
	s := newShop(t, files)
	b := newTab(t)
	s.open(b, "cons_demo_queue", "")
	b.until(quinnWaits)
	evaluate[bool](b, `window.sameVisit = true`)
	s.api.stop()
	// The new server has a new database and a new issuer, which refuses the old token.
	s.api = boot(t, "-demo", "-database", "sqlite::memory:", "-cors-origin", s.base, "-addr", strings.TrimPrefix(s.server, "http://"))
	s.admit("after")
	b.until(s.admitted("after"))
	if !evaluate[bool](b, "window.sameVisit === true") {
		t.Error("the page was loaded again")
	}
}

func testProfileOffline(t *testing.T, files fs.FS) {
	s := newShop(t, files)
	api := s.watch()
	b := newTab(t)
	s.open(b, "cons_demo_queue", "")
	b.until(quinnWaits)
	b.setOffline(true)
	api.take()
	s.admit("meanwhile")
	b.setOffline(false)
	b.until(s.admitted("meanwhile"))
	if len(api.take()) == 0 {
		t.Error("the page shows what it has not asked for, so it was not offline")
	}
}

// setOffline takes the network away from the page, or gives it back.
func (b *tab) setOffline(offline bool) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := cdp.Call(ctx, target, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{{Offline: offline, DownloadThroughput: -1, UploadThroughput: -1}},
		}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, target, network.OverrideNetworkState, network.OverrideNetworkStateParams{
			Offline: offline, DownloadThroughput: -1, UploadThroughput: -1,
		})
		return err
	}))
	b.until(fmt.Sprintf("navigator.onLine === %t", !offline))
}

func testResume(t *testing.T, files fs.FS) {
	s := newShop(t, files)
	s.admit("the=token")
	b := newTab(t)
	s.open(b, "cons_demo_queue", "&resume")
	select {
	case query := <-s.checkouts:
		if query != "token=the%3Dtoken" {
			t.Errorf("the checkout was asked for with %s", query)
		}
	case <-b.ctx.Done():
		t.Fatal("the snippet did not go to the checkout")
	}
}

func testOneStream(t *testing.T, files fs.FS) {
	s := newShop(t, files)
	api := s.watch()
	browser := newTab(t)
	tabs := []*tab{browser.another(), browser.another(), browser.another()}
	shows := func(b *tab, token string) {
		t.Helper()
		b.until(s.admitted(token))
		b.until(`[...document.querySelectorAll(".count")].filter(p => p.textContent === "Journeys: 1").length === 10`)
	}
	for _, b := range tabs {
		s.open(b, "cons_demo_queue", "&hooks=10")
		b.until(quinnWaits)
	}
	s.admit("one")
	for _, b := range tabs {
		shows(b, "one")
	}
	streams := 0
	for _, path := range api.take() {
		if path == "/me/events" {
			streams++
		}
	}
	if streams != 1 {
		t.Errorf("three tabs opened %d streams, want 1", streams)
	}

	// When the tab that has the stream is closed, another one opens it.
	must(t, chromedp.Cancel(tabs[0].ctx))
	s.admit("two")
	for _, b := range tabs[1:] {
		shows(b, "two")
	}
	api.note(func() {
		if api.mostOpen != 1 {
			t.Errorf("%d streams were open at a time, want 1", api.mostOpen)
		}
	})
}

// another opens another tab of the same browser.
func (b *tab) another() *tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.t.Cleanup(cancel)
	return &tab{b.t, ctx}
}

// testsClock gives a page a clock that only the test moves, and lets the test hide the page.
const testsClock = `
	const start = Date.now();
	const native = setTimeout.bind(window);
	let time = 0, id = 0, timers = new Map();
	Date.now = () => start + time;
	performance.now = () => time;
	window.setTimeout = (call, ms = 0, ...rest) => (timers.set(++id, { at: time + Number(ms), call: () => call(...rest) }), id);
	window.clearTimeout = (id) => void timers.delete(id);
	window.advance = async (ms) => {
		for (const end = time + ms; ; ) {
			await new Promise((done) => native(done)); // what is ready runs first
			const due = [...timers].filter(([, t]) => t.at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
			if (!due) { time = end; return true; }
			timers.delete(due[0]);
			time = Math.max(time, due[1].at);
			due[1].call();
		}
	};
	let state = "visible";
	Object.defineProperty(document, "visibilityState", { get: () => state });
	Object.defineProperty(document, "hidden", { get: () => state === "hidden" });
	window.show = (shown) => { state = shown ? "visible" : "hidden"; document.dispatchEvent(new Event("visibilitychange")); return true; };
`

func testHidden(t *testing.T, files fs.FS) {
	s := newShop(t, files)
	api := s.watch()
	b := newTab(t)
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: "{" + testsClock + "}"})
		return err
	}))
	s.open(b, "cons_demo_queue", "")
	b.until(quinnWaits)

	evaluate[bool](b, "show(false)")
	evaluate[bool](b, "advance(1000)")
	api.take() // the last one may have been on its way
	s.admit("meanwhile")
	evaluate[bool](b, "advance(60_000)")
	if paths := api.take(); len(paths) > 0 {
		t.Errorf("the hidden page asked for %q", paths)
	}
	if evaluate[bool](b, `document.querySelector(".alert") !== null`) {
		t.Error("the hidden page shows what it has not asked for")
	}
	evaluate[bool](b, "show(true)")
	b.until(s.admitted("meanwhile"))
	if diff := cmp.Diff([]string{"/me/events"}, api.take()); diff != "" {
		t.Errorf("what the page asked for when it was shown (-want +got):\n%s", diff)
	}
}
