package api

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"rsc.io/qr"
)

// drawn reads an image back: which modules are dark, its quiet zone included.
func drawn(t *testing.T, image []byte) (dark map[[2]int]bool, side int) {
	t.Helper()
	var svg struct {
		ViewBox string `xml:"viewBox,attr"`
		Role    string `xml:"role,attr"`
		Title   string `xml:"title"`
		Ground  struct {
			Width int    `xml:"width,attr"`
			Fill  string `xml:"fill,attr"`
		} `xml:"rect"`
		Path struct {
			D    string `xml:"d,attr"`
			Fill string `xml:"fill,attr"`
		} `xml:"path"`
	}
	if err := xml.Unmarshal(image, &svg); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(svg.ViewBox, "0 0 %d", &side); err != nil {
		t.Fatal(err)
	}
	if svg.Role != "img" || svg.Title == "" || svg.Ground.Width != side || svg.Ground.Fill != "#fff" || svg.Path.Fill != "#000" {
		t.Fatalf("%s", image)
	}
	dark = map[[2]int]bool{}
	for run := range strings.SplitSeq(strings.TrimSuffix(svg.Path.D, "z"), "z") {
		var x, y, width, back int
		if _, err := fmt.Sscanf(run, "M%d %dh%dv1h-%d", &x, &y, &width, &back); err != nil || width != back {
			t.Fatalf("%s: %v", run, err)
		}
		for i := range width {
			dark[[2]int{x + i, y}] = true
		}
	}
	return dark, side
}

func TestAQRCodeIsDrawnAsItIs(t *testing.T) {
	const link = "https://join.example.com/join/acme/"
	for name, c := range map[string]struct {
		text    string
		modules int // on a side: 17 and 4 for each version
	}{
		"the smallest":         {"A", 21},
		"a short handle":       {link + strings.Repeat("a", 64), 41},
		"the longest handle":   {strings.Replace(link, "acme", strings.Repeat("a", 32), 1) + strings.Repeat("7", 64), 49},
		"what would be markup": {`"/><script>&amp;]]>`, 25},
	} {
		t.Run(name, func(t *testing.T) {
			image, err := drawQR(c.text)
			if err != nil {
				t.Fatal(err)
			}
			dark, side := drawn(t, image)
			if side != c.modules+8 {
				t.Fatalf("%d modules on a side, want %d", side-8, c.modules)
			}
			code, err := qr.Encode(c.text, qr.M)
			if err != nil {
				t.Fatal(err)
			}
			for y := range side {
				for x := range side {
					if dark[[2]int{x, y}] != code.Black(x-4, y-4) {
						t.Fatalf("module %d, %d is not as it was made", x, y)
					}
				}
			}
			for _, at := range [][2]int{{4, 4}, {4 + c.modules - 7, 4}, {4, 4 + c.modules - 7}} {
				if got := corner(dark, at); got != "#######/#.....#/#.###.#/#.###.#/#.###.#/#.....#/#######" {
					t.Errorf("the finder pattern at %v is %s", at, got)
				}
			}
		})
	}
	if _, err := drawQR(strings.Repeat("a", 3000)); err == nil {
		t.Error("a text was drawn that no code can hold")
	}
}

// corner is what stands in a corner. Three of the four look alike in every code.
func corner(dark map[[2]int]bool, at [2]int) string {
	rows := make([]string, 7)
	for y := range rows {
		for x := range 7 {
			if dark[[2]int{at[0] + x, at[1] + y}] {
				rows[y] += "#"
			} else {
				rows[y] += "."
			}
		}
	}
	return strings.Join(rows, "/")
}

func TestAnImageHoldsNothingToRun(t *testing.T) {
	image, err := drawQR(`https://evil.example/"/><script>alert(1)</script>`)
	if err != nil {
		t.Fatal(err)
	}
	var elements []string
	for d := xml.NewDecoder(bytes.NewReader(image)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			elements = append(elements, start.Name.Local)
		}
	}
	if got := strings.Join(elements, " "); got != "svg title rect path" || strings.Contains(string(image), "evil") {
		t.Errorf("%s: %s", got, image)
	}
}
