// Broken never gets as far as asking for an event.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println("no configuration")
	os.Exit(1)
}
