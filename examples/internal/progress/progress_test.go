package progress

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBar(t *testing.T) {
	clock := time.Unix(0, 0)
	var out bytes.Buffer
	run := func(b *Bar) string {
		out.Reset()
		for i, step := range []time.Duration{0, 50 * time.Millisecond, 60 * time.Millisecond, 5 * time.Second} {
			clock = clock.Add(step)
			b.update("checked", int64(i+1)*25, false)
		}
		b.End()
		return out.String()
	}
	plain := &Bar{out: &out, size: 100, now: func() time.Time { return clock }, printed: clock}
	if diff := cmp.Diff("checked 100 % of 0.0 MB\n", run(plain)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	bar := &Bar{out: &out, terminal: true, size: 100, now: plain.now, printed: clock}
	want := "\r[" + strings.Repeat("█", 30) + strings.Repeat("·", 10) + "]  75 % checked " +
		"\r[" + strings.Repeat("█", 40) + "] 100 % checked \n"
	if diff := cmp.Diff(want, run(bar)); diff != "" {
		t.Errorf("bar (-want +got):\n%s", diff)
	}
}
