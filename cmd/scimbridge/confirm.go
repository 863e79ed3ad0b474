package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// confirmed reports whether a person agrees: yes was given, or typed at a terminal. A
// script that is silent does not agree.
func confirmed(c *cobra.Command, yes bool, question string) bool {
	if yes {
		return true
	}
	stdin, ok := c.InOrStdin().(*os.File)
	if !ok {
		return false
	}
	if info, err := stdin.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s Type yes to go on: ", question)
	answer, err := bufio.NewReader(stdin).ReadString('\n')
	return err == nil && strings.TrimSpace(answer) == "yes"
}
