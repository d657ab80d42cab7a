package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// machine says on what, with what and when it was measured.
func machine(now time.Time) string {
	cores := fmt.Sprintf("%d cores", runtime.NumCPU())
	if n := runtime.GOMAXPROCS(0); n != runtime.NumCPU() {
		cores += fmt.Sprintf(" (GOMAXPROCS=%d)", n)
	}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if model := parseModel(string(info)); model != "" {
			cores += " of " + model
		}
	}
	return fmt.Sprintf("%s, %s/%s, %s, %s", cores, runtime.GOOS, runtime.GOARCH, runtime.Version(), now.UTC().Format(time.DateOnly))
}

// parseModel is the processor's name in Linux' cpuinfo, or "".
func parseModel(info string) string {
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
