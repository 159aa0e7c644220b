package api

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// quietZone is how many modules stay white around a code, ISO/IEC 18004, section 6.3.8.
const quietZone = 4

// drawQR draws a text as a QR code: dark on white whatever the page is, so that every camera reads it. Nothing of the text
// stands in the image but its modules.
func drawQR(text string) ([]byte, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return nil, fmt.Errorf("qr code: %w", err)
	}
	side := code.Size + 2*quietZone
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" shape-rendering="crispEdges">`+
		`<title>QR code</title><rect width="%d" height="%d" fill="#fff"/><path d="%s" fill="#000"/></svg>`,
		side, side, side, side, modules(code)), nil
}

// modules is the path of the dark ones, row by row, each run of them a rectangle.
func modules(code *qr.Code) string {
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := 0
			for code.Black(x+run, y) { // beyond the edge nothing is
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quietZone, y+quietZone, run, run)
				x += run
			}
		}
	}
	return path.String()
}
