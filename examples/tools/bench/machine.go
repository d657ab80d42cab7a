package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// machine returns a description of the hardware, the system, the Go version and the date.
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

// parseModel returns the processor's name from the content of /proc/cpuinfo, or "".
func parseModel(info string) string {
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
