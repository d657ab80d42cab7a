package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

const (
	plotNames     = 490 // width of the names of the rows, in pixels
	plotBars      = 420 // width of a ratio of 1
	plotRight     = 70
	plotLabel     = 32 // greatest width of the text of a ratio
	plotRowHeight = 22
	plotBarHeight = 13
	plotTop       = 64
	plotBottom    = 26
)

// plotStyle has colors for a light and for a dark page.
const plotStyle = `<style>
text{font:12px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600;font-size:14px}.faint{fill:#59636e}
.bar{fill:#2f7ed8}.missed{fill:#d9822b}.grid{stroke:#d1d9e0}.target{stroke:#1f2328;stroke-width:2}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.faint{fill:#9198a1}.bar{fill:#58a6ff}.missed{fill:#e3a04f}.grid{stroke:#3d444d}.target{stroke:#f0f6fc}}
</style>
`

// plot returns an SVG image with a bar for each ratio of requests per second and a line across
// the bar at its target.
func (r report) plot() string {
	scale := 1.0
	for _, one := range r.results {
		scale = max(scale, math.Ceil(10*one.ratio)/10)
	}
	x := func(ratio float64) float64 { return plotNames + plotBars*ratio }
	bottom := plotTop + plotRowHeight*len(r.results)
	width, height := int(x(scale))+plotRight, bottom+plotBottom

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-labelledby="title">`+"\n",
		width, height, width, height)
	fmt.Fprintf(&b, "<title id=\"title\">%s</title>\n%s", plotTitle, plotStyle)
	fmt.Fprintf(&b, "<text class=\"title\" x=\"8\" y=\"20\">%s</text>\n", plotTitle)
	fmt.Fprintf(&b, "<text class=\"faint\" x=\"8\" y=\"38\">%s</text>\n", html.EscapeString(r.machine+". If a row names two sizes of a database, the share is that of the smaller one."))
	for tenth := 0; tenth <= int(math.Round(10*scale)); tenth += 2 {
		at := x(float64(tenth) / 10)
		fmt.Fprintf(&b, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n", at, at, plotTop-6, bottom)
		fmt.Fprintf(&b, "<text class=\"faint\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.1f</text>\n", at, bottom+16, float64(tenth)/10)
	}
	for i, one := range r.results {
		writeBar(&b, one, plotTop+plotRowHeight*i, x)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

const plotTitle = "Requests per second as a share of a bare net/http server’s; the line across is the target"

func writeBar(b *strings.Builder, one result, y int, x func(float64) float64) {
	class := "bar"
	if one.ratio < one.atLeast {
		class = "missed"
	}
	baseline := y + plotBarHeight - 2
	fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", plotNames-8, baseline, html.EscapeString(one.name()))
	fmt.Fprintf(b, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>\n", class, plotNames, y, x(one.ratio)-plotNames, plotBarHeight)
	label := x(one.ratio) + 6
	if one.atLeast > 0 {
		at := x(one.atLeast)
		if at > label-6 && at < label+plotLabel {
			label = at + 6 // after the line, which would cross it
		}
		fmt.Fprintf(b, "<line class=\"target\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n", at, at, y-3, y+plotBarHeight+3)
	}
	fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%d\">%.2f</text>\n", label, baseline, one.ratio)
}
