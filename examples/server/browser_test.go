package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"
)

// axe is the package that finds violations of the accessibility guidelines.
const axe = "axe-core@4.14.1"

// browserDeadline bounds a whole test in the browser, on a busy machine.
const browserDeadline = 2 * time.Minute

// tab is a tab of a headless Chromium with its own profile.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// newTab starts the browser and ends it with the test. An exception in the page fails the
// test.
func newTab(t *testing.T) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.DisableGPU, // it sees our own pages only
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.WindowSize(1280, 900))
	ctx, cancel := context.WithTimeout(t.Context(), browserDeadline)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &tab{t, ctx}
	b.do(chromedp.Navigate("about:blank"))
	thrown := chromedp.Events(ctx, runtime.ExceptionThrown)
	go func() {
		for event, err := range thrown {
			if err != nil {
				return // the test is over
			}
			t.Errorf("the page threw: %s", event.ExceptionDetails.Text)
		}
	}()
	return b
}

// chromium returns the path of the browser. Without a browser it skips the test, or fails it
// in CI.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "no Chromium here, so nothing was tried in a browser")
	return ""
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("CI must have it: %s", what)
	}
	t.Skip("SKIPPED: " + what)
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	must(b.t, chromedp.Do(b.ctx, steps...))
}

// evaluate runs JavaScript in the page, and waits for the result if it is a promise.
func evaluate[T any](b *tab, script string) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%v\nin %s\nthe page says:\n%s", err, script, b.text())
	}
	return value
}

func (b *tab) text() string {
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil {
		return err.Error()
	}
	return text
}

// until waits for a condition, which it evaluates whenever the page changes.
func (b *tab) until(condition string) {
	b.t.Helper()
	const wait = `new Promise((resolve, reject) => {
		const holds = () => { try { return %s } catch { return false } };
		if (holds()) return resolve(true);
		const late = setTimeout(() => { seen.disconnect(); reject(new Error("not within 30 s")) }, 30000);
		const seen = new MutationObserver(() => { if (holds()) { seen.disconnect(); clearTimeout(late); resolve(true) } });
		seen.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
	})`
	evaluate[bool](b, fmt.Sprintf(wait, condition))
}

// open loads the page of a consumer and waits until it shows the consumer.
func (b *tab) open(s *running, consumerID string) {
	b.t.Helper()
	b.do(chromedp.Navigate(s.base + "/#" + consumerID))
	b.until(fmt.Sprintf(`document.getElementById("document").textContent.includes('"id": "%s"')`, consumerID))
	// Nothing of what follows may come from a reload.
	evaluate[bool](b, `window.sameVisit = true`)
}

// button returns an expression for the button with a text, in the card of a distribution if
// one is given.
func button(distribution, text string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("button")].find(b => b.textContent.startsWith(%q) && (b.closest("li")?.textContent ?? "").includes(%q))`, text, distribution)
}

func (b *tab) press(distribution, text string) {
	b.t.Helper()
	b.until(button(distribution, text) + " !== undefined")
	evaluate[bool](b, button(distribution, text)+".click() ?? true")
}

func heading(text string) string {
	return fmt.Sprintf(`document.querySelector("h1").textContent === %q`, text)
}

func badge(distribution, status string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("#cards li")].some(c => c.textContent.includes(%q) && c.querySelector(".badge").textContent === %q)`, distribution, status)
}

func noCard(distribution string) string {
	return fmt.Sprintf(`![...document.querySelectorAll("#cards li")].some(c => c.textContent.includes(%q))`, distribution)
}

const (
	checkoutLink = `document.querySelector("#admission a")?.textContent === "Continue to Checkout"`
	connected    = `["live", "polling"].includes(document.getElementById("connection").dataset.state)`
)

// TestPageShowsWhatTheEnginesDo: the effect of each button shows without a reload, through
// the event stream, or by polling if the server has no stream.
func TestPageShowsWhatTheEnginesDo(t *testing.T) {
	t.Run("live", func(t *testing.T) {
		checkPage(t, boot(t, "-demo", "-database", "sqlite::memory:"), "live")
	})
	t.Run("polling", func(t *testing.T) {
		s := boot(t, "-demo", "-database", "sqlite::memory:")
		target, err := url.Parse(s.base)
		must(t, err)
		mux := http.NewServeMux()
		mux.Handle("/", httputil.NewSingleHostReverseProxy(target))
		mux.HandleFunc(apiPrefix+"/me/events", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error":"Not found"}`)
		})
		checkPage(t, &running{t: t, base: serve(t, mux)}, "polling")
	})
}

func checkPage(t *testing.T, s *running, state string) {
	b := newTab(t)
	b.open(s, "cons_demo_several")
	b.until(heading("Welcome, Sam Several"))
	b.until(fmt.Sprintf(`document.getElementById("connection").dataset.state === %q`, state))

	evaluate[bool](b, `document.querySelector('a[href="#cons_demo_queue"]').click() ?? true`)
	b.until(heading("Welcome, Quinn Queue"))
	b.until(badge("queue_demo_sneaker", "QUEUED"))
	b.until("!(" + checkoutLink + ")")

	b.press("queue_demo_sneaker", "Admit")
	b.until(badge("queue_demo_sneaker", "ADMITTED"))
	b.until(checkoutLink)
	b.until(`document.getElementById("announcement").textContent.startsWith("Queue: Admitted")`)
	b.until(`document.querySelector('a[href="#cons_demo_queue"]').textContent.includes("admitted by queue")`)
	link := evaluate[string](b, `document.querySelector("#admission a").href`)
	if !strings.HasPrefix(link, s.base+"/checkout?token=demo-admission-") {
		t.Errorf("the checkout is at %s", link)
	}

	b.press("queue_demo_sneaker", "Expire")
	b.until(noCard("queue_demo_sneaker")) // by itself: nothing is written at that moment
	b.until("!(" + checkoutLink + ")")

	b.press("", "Auction")
	b.until(badge("auction_demo_guitar", "ACTIVE"))
	for _, step := range []struct{ button, status string }{{"Outbid", "OUTBID"}, {"Bid", "WINNING"}, {"Win", "WON"}} {
		b.press("auction_demo_guitar", step.button)
		b.until(badge("auction_demo_guitar", step.status))
	}
	b.until(checkoutLink)
	if digits := evaluate[bool](b, `document.getElementById("document").textContent.includes('"lastBidAmount": 230.00')`); !digits {
		t.Error("the document has lost digits of an amount")
	}
	b.press("auction_demo_guitar", "Leave")
	b.until(`document.querySelectorAll("#cards li").length === 0 && !document.getElementById("nothing").hidden`)

	b.press("", "Start all over")
	b.until(badge("queue_demo_sneaker", "QUEUED"))
	if !evaluate[bool](b, "window.sameVisit === true") {
		t.Error("the page was loaded again")
	}
}

// TestPageOutlivesTheServer: after a restart of the server, which has a new issuer, the page
// gets another token and goes on.
func TestPageOutlivesTheServer(t *testing.T) {
	database := "sqlite:" + filepath.Join(t.TempDir(), "a.db")
	s := boot(t, "-demo", "-database", database)
	b := newTab(t)
	b.open(s, "cons_demo_queue")
	b.until(connected)
	s.stop()
	b.until(`document.getElementById("connection").dataset.state === "reconnecting"`)
	boot(t, "-demo", "-database", database, "-addr", strings.TrimPrefix(s.base, "http://"))
	b.until(connected)
	b.press("queue_demo_sneaker", "Admit")
	b.until(checkoutLink)
	if !evaluate[bool](b, "window.sameVisit === true") {
		t.Error("the page was loaded again")
	}
}

// TestPageByKeyboard: everything can be done with the keyboard, the focus is visible, and it
// does not jump to the top when the page changes.
func TestPageByKeyboard(t *testing.T) {
	s := boot(t, "-demo", "-database", "sqlite::memory:")
	b := newTab(t)
	b.open(s, "cons_demo_several")
	b.until(connected)
	tabTo := func(condition string) {
		t.Helper()
		for range 60 {
			b.do(chromedp.KeyEvent(kb.Tab))
			if evaluate[bool](b, "Boolean("+condition+")") {
				if outline := evaluate[string](b, `getComputedStyle(document.activeElement).outlineStyle`); outline != "solid" {
					t.Errorf("the focus on %s shows as %q", condition, outline)
				}
				return
			}
		}
		t.Fatalf("the Tab key never comes to %s", condition)
	}
	tabTo(`document.activeElement.classList.contains("skip")`)
	tabTo(`document.activeElement.hash === "#cons_demo_queue"`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(heading("Welcome, Quinn Queue"))
	if focus := evaluate[string](b, "document.activeElement.hash"); focus != "#cons_demo_queue" {
		t.Errorf("choosing moved the focus to %q", focus)
	}
	tabTo(`document.activeElement.textContent === "Admit"`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(badge("queue_demo_sneaker", "ADMITTED"))
	b.until(`document.activeElement.textContent.startsWith("Expire")`) // what is first in the card now
	tabTo(`document.activeElement.textContent === "Leave"`)
	b.do(chromedp.KeyEvent(" "))
	b.until(noCard("queue_demo_sneaker"))
	b.until(`document.activeElement.id === "participations"`)
	tabTo(`document.activeElement.textContent.startsWith("Waitlist")`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(badge("waitlist_demo_vinyl", "WAITING"))
	tabTo(`document.activeElement.id === "document"`) // which scrolls
}

// TestPageFitsAnyWidth: the page does not scroll sideways at any width.
func TestPageFitsAnyWidth(t *testing.T) {
	s := boot(t, "-demo", "-database", "sqlite::memory:")
	b := newTab(t)
	for _, width := range []int64{320, 390, 820, 1280} {
		b.do(chromedp.EmulateViewport(width, 800), chromedp.Navigate("about:blank"))
		b.open(s, "cons_demo_several")
		b.until(checkoutLink)
		if wide := evaluate[int64](b, "document.documentElement.scrollWidth"); wide > width {
			t.Errorf("at %d pixels the page is %d wide", width, wide)
		}
	}
}

// TestPageAccessibility: axe-core finds no violation on any page, light or dark.
func TestPageAccessibility(t *testing.T) {
	script := axeScript(t)
	demonstration := boot(t, "-demo", "-database", "sqlite::memory:")
	plain := boot(t, "-database", "sqlite::memory:")
	b := newTab(t)
	for _, scheme := range []string{"light", "dark"} {
		b.emulateScheme(scheme)
		for _, address := range []string{
			demonstration.base + "/#cons_demo_several", demonstration.base + "/#cons_demo_auction", demonstration.base + "/#cons_demo_plain",
			demonstration.base + "/checkout?token=x", plain.base + "/",
		} {
			b.do(chromedp.Navigate("about:blank"), chromedp.Navigate(address))
			if strings.Contains(address, "#") {
				b.until(connected)
			}
			evaluate[bool](b, `Promise.all(document.getAnimations().map(a => a.finished)).then(() => true)`)
			evaluate[bool](b, script+"; true")
			found := evaluate[[]string](b, axeViolations)
			if len(found) > 0 {
				t.Errorf("%s, %s:\n%s", address, scheme, strings.Join(found, "\n"))
			}
		}
	}
}

// axeViolations returns what axe-core finds, once its script has run in the page.
const axeViolations = `axe.run(document, { resultTypes: ["violations"] }).then(r => r.violations.flatMap(
	v => v.nodes.map(n => v.impact + " " + v.id + ": " + n.target.join(" ") + " " + n.failureSummary)))`

// axeScript installs axe-core from npm's registry. A test that nobody asked for uses no
// network, so it needs REJOIN_TEST_NPM.
func axeScript(t *testing.T) string {
	t.Helper()
	if os.Getenv("REJOIN_TEST_NPM") == "" {
		t.Skip("SKIPPED: REJOIN_TEST_NPM is not set, so nothing was installed from npm, and accessibility was not checked")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		missing(t, "no npm here, so accessibility was not checked")
	}
	directory := t.TempDir()
	install := exec.CommandContext(t.Context(), "npm", "install", "--prefix", directory, "--ignore-scripts", "--no-audit", "--no-fund", axe)
	install.Dir = directory
	if output, err := install.CombinedOutput(); err != nil {
		missing(t, fmt.Sprintf("%s could not be installed: %v\n%s", axe, err, output))
	}
	script, err := os.ReadFile(filepath.Join(directory, "node_modules", "axe-core", "axe.min.js"))
	must(t, err)
	return string(script)
}

// TestAnotherOriginInABrowser: a page of another origin reads /me only if its origin is
// allowed. It never reads the endpoint for servers or the paths of the demonstration.
func TestAnotherOriginInABrowser(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<!doctype html><title>a shop</title>")
	}))
	defer other.Close()
	b := newTab(t)
	const blocked = "TypeError: Failed to fetch"
	for name, test := range map[string]struct {
		allowed string
		me      string
	}{
		"whose origin is allowed": {other.URL, "200 cons_demo_several"},
		"whose origin is not":     {"https://shop.example.com", blocked},
	} {
		t.Run(name, func(t *testing.T) {
			s := boot(t, "-demo", "-database", "sqlite::memory:", "-cors-origin", test.allowed)
			b := &tab{t, b.ctx}
			b.do(chromedp.Navigate(other.URL))
			read := func(path, method string, headers http.Header) string {
				t.Helper()
				list := []string{}
				for name := range headers {
					list = append(list, strconv.Quote(name)+": "+strconv.Quote(headers.Get(name)))
				}
				return evaluate[string](b, fmt.Sprintf(`fetch(%q, { method: %q, headers: {%s} }).then(async r => r.status + " " + (await r.json()).id, String)`,
					s.base+path, method, strings.Join(list, ", ")))
			}
			curls := s.curls()
			got := map[string]string{
				"/me":             read(apiPrefix+"/me", "GET", curls[0].headers),
				"/{id}":           read(apiPrefix+"/cons_demo_several", "GET", curls[1].headers),
				"/{id}, no key":   read(apiPrefix+"/cons_demo_several", "GET", nil),
				"/demo/consumers": read("/demo/consumers", "GET", nil),
				"/demo/act":       read("/demo/start-over", "POST", nil),
			}
			want := map[string]string{"/me": test.me, "/{id}": blocked, "/{id}, no key": blocked, "/demo/consumers": blocked, "/demo/act": blocked}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestPageStaysAtHome: the page sends no request to another server.
func TestPageStaysAtHome(t *testing.T) {
	s := boot(t, "-demo", "-database", "sqlite::memory:")
	b := newTab(t)
	requests := chromedp.Events(b.ctx, network.RequestWillBeSent)
	b.open(s, "cons_demo_several")
	b.until(connected)
	b.do(chromedp.Navigate(s.base + "/checkout?token=end"))
	for request, err := range requests {
		must(t, err)
		if !strings.HasPrefix(request.Request.URL, s.base+"/") {
			t.Errorf("it asked for %s", request.Request.URL)
		}
		if strings.HasSuffix(request.Request.URL, "token=end") {
			break
		}
	}
}

func (b *tab) emulateScheme(scheme string) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
}
