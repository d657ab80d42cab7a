package main

import (
	"strings"
	"testing"
)

// TestStartAfterTesters: starting the server makes true again what it prints, whatever
// testers did before.
func TestStartAfterTesters(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, url string) {
		s := boot(t, "-demo", "-database", url)
		for _, body := range []string{
			`{"consumerId":"cons_demo_plain","action":"enter","type":"draw","distributionId":"draw_demo_poster"}`,
			`{"consumerId":"cons_demo_queue","action":"leave","type":"queue","distributionId":"queue_demo_sneaker"}`,
		} {
			if status, text := s.post("/demo/act", body, nil); status != 204 {
				t.Fatalf("%d %s", status, text)
			}
		}
		if s.situations(t)["cons_demo_plain"] != "in draw" || s.situations(t)["cons_demo_queue"] != "in nothing now" {
			t.Fatalf("the actions do not show: %v", s.situations(t))
		}
		s.stop()
		s = boot(t, "-demo", "-database", url)
		if got := s.situations(t); got["cons_demo_plain"] != "in nothing now" || got["cons_demo_queue"] != "in queue" {
			t.Errorf("%v", got)
		}
		if strings.Contains(s.stdout, "cons_demo_plain: in draw") {
			t.Error("the terminal shows something else")
		}
	})
}
