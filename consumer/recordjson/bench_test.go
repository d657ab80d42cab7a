package recordjson_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rejoinhq/rejoin/consumer/recordjson"
)

// BenchmarkReadRecords reads 200 consumers with three participations each.
func BenchmarkReadRecords(b *testing.B) {
	var consumers []string
	for i := range 200 {
		var participations []string
		for j := range 3 {
			participations = append(participations, strings.Replace(queue, `"id":"q"`, fmt.Sprintf(`"id":"q%d"`, j), 1))
		}
		consumers = append(consumers, fmt.Sprintf(`{"id":"c%d","email":"c%d@example.com",%s,"participations":[%s]}`, i, i, profile, strings.Join(participations, ",")))
	}
	body := `{"consumers":[` + strings.Join(consumers, ",") + `]}`
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := recordjson.ReadRecords(strings.NewReader(body), recordjson.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
