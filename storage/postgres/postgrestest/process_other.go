//go:build !unix

package postgrestest

import (
	"os"
	"os/exec"
)

// immediateShutdown is nil where no private cluster can be had.
var immediateShutdown os.Signal

func detach(*exec.Cmd) {}

func giveAway(string) error { return nil }
