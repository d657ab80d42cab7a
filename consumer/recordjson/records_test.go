package recordjson_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/recordjson"
)

const (
	queue = `{"type":"queue","id":"q","experienceId":"e","sequenceId":"s","status":"QUEUED",` +
		`"enteredAt":"2024-01-01T00:00:00Z","updatedAt":"2024-01-01T00:00:00Z"}`
	admission = `{"distributionType":"queue","distributionId":"q","experienceId":"e","sequenceId":"s",` +
		`"admissionToken":"t","admittedAt":"2024-01-01T00:00:00Z","updatedAt":"2024-01-01T00:00:00Z"}`
	profile = `"createdAt":"2024-01-01T00:00:00Z","updatedAt":"2024-01-01T00:00:00Z"`
)

// badFields returns the paths of an error's bad fields.
func badFields(t testing.TB, err error) []string {
	t.Helper()
	var invalid *consumer.ValidationError
	if !errors.As(err, &invalid) {
		t.Fatalf("error %v, want a ValidationError", err)
	}
	var paths []string
	for _, f := range invalid.Fields {
		paths = append(paths, f.Field)
	}
	return paths
}

func TestReadRecords(t *testing.T) {
	got, err := recordjson.ReadRecords(strings.NewReader(`{"consumers":[
		{"id":"c1","email":"a@example.com","phone":null,`+profile+`,"participations":[`+queue+`],"admissions":[`+admission+`]},
		{"id":"c2","participations":null,"email":null,"createdAt":null},
		{"participations":[`+queue+`],"id":"c3"}
	],"distributions":[
		{"type":"queue","id":"q","serving":1200,"endedAt":null,"updatedAt":"2024-01-01T00:00:00Z"},
		{"type":"auction","id":"q","endedAt":"2024-01-01T00:00:00Z","winnerId":"c1","updatedAt":"2024-01-01T00:00:00Z"}
	]}`), recordjson.Options{})
	if err != nil {
		t.Fatal(err)
	}
	moment := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	p := consumer.Participation{
		Type: consumer.Queue, ID: "q", ExperienceID: "e", SequenceID: "s", Status: consumer.StatusQueued, EnteredAt: moment, UpdatedAt: moment,
	}
	a := consumer.Admission{
		DistributionType: consumer.Queue, DistributionID: "q", ExperienceID: "e", SequenceID: "s", AdmissionToken: "t", AdmittedAt: moment, UpdatedAt: moment,
	}
	want := recordjson.Records{Consumers: []recordjson.Consumer{
		{
			ID:             "c1",
			Profile:        &consumer.Consumer{ID: "c1", Email: new("a@example.com"), CreatedAt: moment, UpdatedAt: moment},
			Participations: []consumer.Participation{p}, Admissions: []consumer.Admission{a},
		},
		{ID: "c2"},
		{ID: "c3", Participations: []consumer.Participation{p}},
	}, Distributions: []consumer.Distribution{
		{Type: consumer.Queue, ID: "q", Serving: new(int64(1200)), UpdatedAt: moment},
		{Type: consumer.Auction, ID: "q", EndedAt: &moment, WinnerID: new("c1"), UpdatedAt: moment},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	in := func(p consumer.Participation, id string) consumer.Participation {
		p.OrganizationID, p.ConsumerID = "org_1", id
		return p
	}
	a.OrganizationID, a.ConsumerID = "org_1", "c1"
	batch := consumer.Batch{
		Consumers:      []consumer.Consumer{{OrganizationID: "org_1", ID: "c1", Email: new("a@example.com"), CreatedAt: moment, UpdatedAt: moment}},
		Participations: []consumer.Participation{in(p, "c1"), in(p, "c3")},
		Admissions:     []consumer.Admission{a},
		Distributions: []consumer.Distribution{
			{OrganizationID: "org_1", Type: consumer.Queue, ID: "q", Serving: new(int64(1200)), UpdatedAt: moment},
			{OrganizationID: "org_1", Type: consumer.Auction, ID: "q", EndedAt: &moment, WinnerID: new("c1"), UpdatedAt: moment},
		},
	}
	if diff := cmp.Diff(batch, got.Batch("org_1")); diff != "" {
		t.Errorf("batch (-want +got):\n%s", diff)
	}
	if got.Consumers[0].Profile.OrganizationID != "" || got.Consumers[0].Participations[0].OrganizationID != "" {
		t.Error("Batch changed the records that it was called on")
	}
}

func TestReadRecordsAcceptsNothing(t *testing.T) {
	for _, body := range []string{`{}`, `{"consumers":[]}`, `{"consumers":null,"distributions":[]}`, " {\n} \n"} {
		if got, err := recordjson.ReadRecords(strings.NewReader(body), recordjson.Options{}); err != nil || len(got.Consumers) != 0 {
			t.Errorf("%s: %v, %v", body, got, err)
		}
	}
}

// TestBadFields: every bad field is named, in the order of the input.
func TestBadFields(t *testing.T) {
	consumers := func(members ...string) string {
		return `{"consumers":[{` + strings.Join(members, `},{`) + `}]}`
	}
	with := func(record, old, new string) string {
		if !strings.Contains(record, old) {
			t.Fatalf("%s is not in %s", old, record)
		}
		return strings.Replace(record, old, new, 1)
	}
	participation := func(old, new string) string {
		return consumers(`"id":"c","participations":[` + with(queue, old, new) + `]`)
	}
	const first = "consumers[0].participations[0]"
	for name, test := range map[string]struct {
		body string
		want []string
	}{
		"an unknown field at the top":           {`{"organizations":[]}`, []string{"organizations"}},
		"the list twice":                        {`{"consumers":[],"consumers":[{}]}`, []string{"consumers"}},
		"an object instead of the list":         {`{"consumers":{}}`, []string{"consumers"}},
		"elements that are not objects":         {`{"consumers":[1,null,[]]}`, []string{"consumers[0]", "consumers[1]", "consumers[2]"}},
		"an empty consumer":                     {consumers(``), []string{"consumers[0].id"}},
		"a consumer called me":                  {consumers(`"id":"me",` + profile), []string{"consumers[0].id"}},
		"a consumer called me without profile":  {consumers(`"id":"me"`), []string{"consumers[0].id"}},
		"an id that is a number":                {consumers(`"id":7`), []string{"consumers[0].id"}},
		"an id that is null":                    {consumers(`"id":null`), []string{"consumers[0].id"}},
		"an unknown field":                      {consumers(`"nickname":{"a":[1]},"id":"c"`), []string{"consumers[0].nickname"}},
		"a field in another letter case":        {consumers(`"id":"c",` + profile + `,"Email":"a@example.com"`), []string{"consumers[0].Email"}},
		"a field twice":                         {consumers(`"id":"c","id":"d"`), []string{"consumers[0].id"}},
		"a field twice, first null":             {consumers(`"id":"c",` + profile + `,"email":null,"email":"a@example.com"`), []string{"consumers[0].email"}},
		"a field twice that is bad too":         {consumers(`"id":"c",` + profile + `,"email":"x","email":"y","email":"z"`), []string{"consumers[0].email"}},
		"profile fields without createdAt":      {consumers(`"updatedAt":"2024-01-01T00:00:00Z","fullName":"n","id":"c","phone":"+12025550101","email":7`), []string{"consumers[0].updatedAt", "consumers[0].fullName", "consumers[0].phone", "consumers[0].email"}},
		"createdAt that is no time":             {consumers(`"id":"c","createdAt":"yesterday","email":"x","updatedAt":"2024-01-01T00:00:00Z"`), []string{"consumers[0].createdAt", "consumers[0].email"}},
		"a profile without updatedAt":           {consumers(`"id":"c","createdAt":"2024-01-01T00:00:00Z","participations":[]`), []string{"consumers[0].updatedAt"}},
		"an empty email":                        {consumers(`"email":"","id":"c",` + profile), []string{"consumers[0].email"}},
		"NUL":                                   {consumers(`"fullName":"a\u0000","id":"c",` + profile), []string{"consumers[0].fullName"}},
		"a time without a zone":                 {consumers(`"id":"c","createdAt":"2024-01-01T00:00:00","updatedAt":"2024-01-01T00:00:00Z"`), []string{"consumers[0].createdAt"}},
		"a time in the year 10000":              {consumers(`"id":"c","createdAt":"9999-12-31T23:59:59-01:00","updatedAt":"2024-01-01T00:00:00Z"`), []string{"consumers[0].createdAt"}},
		"a time as a number":                    {consumers(`"id":"c","createdAt":0,"updatedAt":"2024-01-01T00:00:00Z"`), []string{"consumers[0].createdAt"}},
		"a status of another type":              {participation("QUEUED", "WON"), []string{first + ".status"}},
		"an unknown type":                       {participation(`"queue"`, `"lottery"`), []string{first + ".type"}},
		"a field of another type":               {participation(`"status"`, `"bidCount":1,"status"`), []string{first + ".bidCount"}},
		"a token without a right":               {participation(`"status"`, `"admissionToken":"t","status"`), []string{first + ".admissionToken"}},
		"an amount as a number":                 {participation(`"queue"`, `"auction","lastBidAmount":250`), []string{first + ".lastBidAmount", first + ".status"}},
		"a position with a fraction":            {participation(`"status"`, `"position":1.5,"status"`), []string{first + ".position"}},
		"a position as a string":                {participation(`"status"`, `"position":"1","status"`), []string{first + ".position"}},
		"a position beyond 64 bits":             {participation(`"status"`, `"position":99999999999999999999,"status"`), []string{first + ".position"}},
		"a position beyond 53 bits":             {participation(`"status"`, `"position":9007199254740992,"status"`), []string{first + ".position"}},
		"a bad status before its type":          {consumers(`"id":"c","participations":[{"status":"WON",` + strings.TrimPrefix(with(queue, `"status":"QUEUED",`, ``), "{") + `]`), []string{first + ".status"}},
		"a participation without anything":      {consumers(`"id":"c","participations":[{}]`), []string{first + ".type", first + ".id", first + ".experienceId", first + ".sequenceId", first + ".status", first + ".enteredAt", first + ".updatedAt"}},
		"an admission without anything":         {consumers(`"id":"c","admissions":[{}]`), []string{"consumers[0].admissions[0].distributionType", "consumers[0].admissions[0].distributionId", "consumers[0].admissions[0].experienceId", "consumers[0].admissions[0].sequenceId", "consumers[0].admissions[0].admissionToken", "consumers[0].admissions[0].admittedAt", "consumers[0].admissions[0].updatedAt"}},
		"a participation twice":                 {consumers(`"id":"c","participations":[` + queue + `,` + queue + `]`), []string{"consumers[0].participations[1].id"}},
		"two that only share the id":            {consumers(`"id":"c","participations":[` + queue + `,` + strings.NewReplacer("queue", "draw", "QUEUED", "ENTERED", `,"status"`, `,"position":1,"status"`).Replace(queue) + `]`), []string{"consumers[0].participations[1].position"}},
		"an admission of a waitlist, and twice": {consumers(`"id":"c","admissions":[` + with(admission, `"queue"`, `"waitlist"`) + `,` + admission + `,` + admission + `]`), []string{"consumers[0].admissions[0].distributionType", "consumers[0].admissions[2].distributionId"}},
		"a consumer twice":                      {consumers(`"id":"c"`, `"id":"d"`, `"participations":[{}],"id":"c"`), []string{"consumers[2].participations[0].type", "consumers[2].participations[0].id", "consumers[2].participations[0].experienceId", "consumers[2].participations[0].sequenceId", "consumers[2].participations[0].status", "consumers[2].participations[0].enteredAt", "consumers[2].participations[0].updatedAt", "consumers[2].id"}},
		"a distribution without anything":       {`{"distributions":[{}]}`, []string{"distributions[0].type", "distributions[0].id", "distributions[0].updatedAt"}},
		"a distribution of a waitlist":          {`{"distributions":[{"updatedAt":"2024-01-01T00:00:00Z","type":"waitlist","id":"w"}]}`, []string{"distributions[0].type"}},
		"a distribution twice":                  {`{"distributions":[{"type":"queue","id":"q","updatedAt":"2024-01-01T00:00:00Z"},{"type":"draw","id":"q","updatedAt":"2024-01-01T00:00:00Z"},{"id":"q","type":"queue","updatedAt":"2024-01-01T00:00:00Z"}]}`, []string{"distributions[2].id"}},
		"a distribution's other fields":         {`{"distributions":[{"type":"draw","id":"d","serving":-1,"winnerId":"me","x":1},{"type":"auction","id":"a","winnerId":"c","updatedAt":"now"},{"type":"queue","id":"q","serving":1.5,"endedAt":0,"updatedAt":null}]}`, []string{"distributions[0].serving", "distributions[0].winnerId", "distributions[0].x", "distributions[0].updatedAt", "distributions[1].winnerId", "distributions[1].updatedAt", "distributions[2].serving", "distributions[2].endedAt", "distributions[2].updatedAt"}},
		"distributions before consumers":        {`{"distributions":7,"consumers":[7]}`, []string{"distributions", "consumers[0]"}},
		"a ticket":                              {consumers(`"id":"c","participations":[` + with(queue, `"status"`, `"ticket":0,"status"`) + `,` + strings.NewReplacer("queue", "draw", "QUEUED", "ENTERED", `"status"`, `"ticket":1,"status"`).Replace(queue) + `]`), []string{"consumers[0].participations[0].ticket", "consumers[0].participations[1].ticket"}},
		"three places at once": {
			consumers(
				`"x":1,"id":"c","participations":[`+with(queue, "QUEUED", "WON")+`,{"type":"queue","position":-1,"id":"","status":"ADMITTED"}],`+profile+`,"email":"none"`,
				`"admissions":[7],"email":"late@example.com","id":"a/b"`),
			[]string{
				"consumers[0].x", "consumers[0].participations[0].status",
				"consumers[0].participations[1].position", "consumers[0].participations[1].id", "consumers[0].participations[1].experienceId",
				"consumers[0].participations[1].sequenceId", "consumers[0].participations[1].enteredAt", "consumers[0].participations[1].updatedAt",
				"consumers[0].email", "consumers[1].admissions[0]", "consumers[1].email", "consumers[1].id",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := recordjson.ReadRecords(strings.NewReader(test.body), recordjson.Options{})
			if diff := cmp.Diff(test.want, badFields(t, err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestUnknownNames: an unknown name is shown if it is one that people write, and quoted,
// shortened or hidden otherwise.
func TestUnknownNames(t *testing.T) {
	for name, want := range map[string]string{
		`nickname`:                     `nickname`,
		`x-y_$9`:                       `x-y_$9`,
		``:                             `[""]`,
		`a.b`:                          `["a.b"]`,
		`a b`:                          `["a b"]`,
		`\u001b[2J\n`:                  `["\x1b[2J\n"]`,
		`\u202eé`:                      `["\u202e\u00e9"]`,
		`sk_live_00000000000000000001`: `["sk_live_\u2026"]`,
		`eyJhbGciOiJFZERTQSJ9`:         `["eyJ\u2026"]`,
		strings.Repeat("n", 64):        strings.Repeat("n", 64),
		strings.Repeat("n", 65):        `["` + strings.Repeat("n", 32) + `\u2026"]`,
	} {
		_, err := recordjson.ReadRecords(strings.NewReader(`{"consumers":[{"id":"c","`+name+`":1}]}`), recordjson.Options{})
		want = "consumers[0]." + want
		want = strings.Replace(want, ".[", "[", 1)
		if got := badFields(t, err); len(got) != 1 || got[0] != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	const bad = `{"consumers":[{"email":"x"}],`
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for name, test := range map[string]struct{ body, want string }{
		"empty":                   {``, "is empty"},
		"space":                   {" \n", "is empty"},
		"a list":                  {`[]`, "is not a JSON object"},
		"a string":                {`"sk_live_00000000000000000001"`, "is not a JSON object"},
		"null":                    {`null`, "is not a JSON object"},
		"text":                    {`hello`, "is not JSON in UTF-8"},
		"cut off":                 {`{"consumers":[`, "is not JSON in UTF-8 at byte 14, in consumers"},
		"after bad fields":        {bad, "is not JSON in UTF-8 at byte 29"},
		"after enough bad fields": {`{"consumers":[` + strings.Repeat("1,", 200) + `1],`, "is not JSON in UTF-8 at byte 417"},
		"a comma":                 {`{"consumers":[{"id":"c",}]}`, "is not JSON in UTF-8 at byte 23, in consumers[0]"},
		"half a string":           {`{"consumers":[{"id":"sk_live_0000000000`, "is not JSON in UTF-8"},
		"a bad escape":            {`{"consumers":[{"id":"sk_live_\q"}]}`, "is not JSON in UTF-8"},
		"not UTF-8":               {"{\"consumers\":[{\"fullName\":\"sk_live_\xff\"}]}", "is not JSON in UTF-8"},
		"half a surrogate pair":   {`{"consumers":[{"fullName":"\ud800"}]}`, "is not JSON in UTF-8"},
		"more data":               {`{} {}`, "has more data after the JSON object"},
		"trailing text":           {`{}x`, "has more data after the JSON object"},
		"NaN":                     {`{"consumers":[NaN]}`, "is not JSON in UTF-8 at byte 14, in consumers[0]"},
		"16 deep":                 {`{"x":` + nested(15) + `}`, ""},
		"17 deep":                 {`{"x":` + nested(16) + `}`, "has more than 16 nested arrays and objects"},
		"17 deep in a record":     {`{"consumers":[{"participations":[{"type":` + nested(12) + `}]}]}`, "has more than 16"},
		"16 deep in a record":     {`{"consumers":[{"participations":[{"type":` + nested(11) + `}]}]}`, ""},
		"100,000 deep":            {`{"x":` + nested(100_000) + `}`, "has more than 16 nested arrays and objects"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := recordjson.ReadRecords(strings.NewReader(test.body), recordjson.Options{})
			var syntax *recordjson.SyntaxError
			if errors.As(err, &syntax) != (test.want != "") {
				t.Fatalf("error %v", err)
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "sk_live") {
				t.Errorf("error %q, want %q", err, test.want)
			}
		})
	}
}

func TestMaxErrors(t *testing.T) {
	body := `{"consumers":[` + strings.Repeat(`{"x":1,"y":1},`, 100) + `{}]}`
	for limit, want := range map[int]int{0: 100, 1: 1, 7: 7, 1000: 301} {
		_, err := recordjson.ReadRecords(strings.NewReader(body), recordjson.Options{MaxErrors: limit})
		if got := badFields(t, err); len(got) != want || got[len(got)-1] == "" {
			t.Errorf("limit %d: %d fields, want %d", limit, len(got), want)
		}
	}
}

// TestMaxErrorsNamesTheFirst: the first bad fields are named, even if a later one is found
// earlier.
func TestMaxErrorsNamesTheFirst(t *testing.T) {
	_, err := recordjson.ReadRecords(strings.NewReader(`{"consumers":[{"id":"me","participations":[1,2,3]}]}`), recordjson.Options{MaxErrors: 2})
	if diff := cmp.Diff([]string{"consumers[0].id", "consumers[0].participations[0]"}, badFields(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMaxRecords: profiles, participations, admissions and distributions are counted, valid
// or not.
func TestMaxRecords(t *testing.T) {
	body := `{"consumers":[{"id":"a",` + profile + `},{"id":"b","participations":[` + queue + `,{}],"admissions":[null]}],"distributions":[7]}`
	for limit, want := range map[int]error{4: recordjson.ErrTooManyRecords, 5: consumer.ErrInvalid, 0: consumer.ErrInvalid} {
		if _, err := recordjson.ReadRecords(strings.NewReader(body), recordjson.Options{MaxRecords: limit}); !errors.Is(err, want) {
			t.Errorf("limit %d: %v, want %v", limit, err, want)
		}
	}
}

var errBroken = errors.New("broken pipe")

type brokenReader struct{ data string }

func (r *brokenReader) Read(p []byte) (int, error) {
	if r.data == "" {
		return 0, errBroken
	}
	n := copy(p, r.data)
	r.data = r.data[n:]
	return n, nil
}

// TestReaderErrors: an error of the reader is not one of the input, wherever it comes.
func TestReaderErrors(t *testing.T) {
	body := `{"consumers":[{"id":"c","participations":[` + queue + `],"x":{"y":[1]}}]}`
	for i := range len(body) + 1 {
		if _, err := recordjson.ReadRecords(&brokenReader{body[:i]}, recordjson.Options{}); !errors.Is(err, errBroken) {
			t.Errorf("after %d bytes: %v", i, err)
		}
	}
}

func TestDefaultUpdatedAt(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2024, 1, 1, hour, 0, 0, 0, time.UTC) }
	const body = `{"consumers":[
		{"id":"a","createdAt":"2024-01-01T01:00:00Z","participations":[
			{"type":"queue","id":"1","experienceId":"e","sequenceId":"s","status":"QUEUED","enteredAt":"2024-01-01T02:00:00Z","expiresAt":"2024-01-01T20:00:00Z"},
			{"type":"queue","id":"2","experienceId":"e","sequenceId":"s","status":"ADMITTED","enteredAt":"2024-01-01T02:00:00Z","admittedAt":"2024-01-01T03:00:00Z"},
			{"type":"auction","id":"3","experienceId":"e","sequenceId":"s","status":"WON","enteredAt":"2024-01-01T02:00:00Z","admittedAt":"2024-01-01T03:00:00Z","lastBidTime":"2024-01-01T04:00:00Z","updatedAt":null},
			{"type":"queue","id":"4","experienceId":"e","sequenceId":"s","status":"QUEUED","enteredAt":"2024-01-01T02:00:00Z","updatedAt":"2024-01-01T09:00:00Z"},
			{"type":"queue","id":"5","experienceId":"e","sequenceId":"s","status":"ADMITTED","enteredAt":"2024-01-01T07:00:00Z","admittedAt":"2024-01-01T03:00:00Z"}
		],"admissions":[
			{"distributionType":"queue","distributionId":"1","experienceId":"e","sequenceId":"s","admissionToken":"t","admittedAt":"2024-01-01T05:00:00Z"},
			{"distributionType":"queue","distributionId":"2","experienceId":"e","sequenceId":"s","admissionToken":"t","admittedAt":"2024-01-01T05:00:00Z","endedAt":"2024-01-01T06:00:00Z"},
			{"distributionType":"queue","distributionId":"3","experienceId":"e","sequenceId":"s","admissionToken":"t","admittedAt":"2024-01-01T08:00:00Z","endedAt":"2024-01-01T06:00:00Z","expiresAt":"2024-01-01T20:00:00Z"}
		]}]}`
	got, err := recordjson.ReadRecords(strings.NewReader(body), recordjson.Options{DefaultUpdatedAt: true})
	if err != nil {
		t.Fatal(err)
	}
	c := got.Consumers[0]
	times := []time.Time{c.Profile.UpdatedAt}
	for _, p := range c.Participations {
		times = append(times, p.UpdatedAt)
	}
	for _, a := range c.Admissions {
		times = append(times, a.UpdatedAt)
	}
	if diff := cmp.Diff([]time.Time{at(1), at(2), at(3), at(4), at(9), at(7), at(5), at(6), at(8)}, times); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	_, err = recordjson.ReadRecords(strings.NewReader(body), recordjson.Options{})
	if len(badFields(t, err)) != 8 {
		t.Errorf("without the option: %v", err)
	}
	// The field that the default depends on is bad, and updatedAt is not.
	_, err = recordjson.ReadRecords(strings.NewReader(`{"consumers":[
		{"id":"a","createdAt":"9999-12-31T23:59:59-01:00","participations":[{"type":"queue","id":"1","experienceId":"e","sequenceId":"s","status":"QUEUED","enteredAt":"x"}]}]}`),
		recordjson.Options{DefaultUpdatedAt: true})
	if diff := cmp.Diff([]string{"consumers[0].createdAt", "consumers[0].participations[0].enteredAt"}, badFields(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadRecordsNamesTheBadFieldsOfDistributions(t *testing.T) {
	_, err := recordjson.ReadRecords(strings.NewReader(`{"distributions":[
		{"type":"waitlist","id":"w","updatedAt":"2024-01-01T00:00:00Z"},
		{"type":"draw","id":"d","serving":1,"winnerId":"c","updatedAt":"2024-01-01T00:00:00Z"},
		{"type":"queue","serving":-1,"x":1},
		{"type":"queue","id":"q","updatedAt":"2024-01-01T00:00:00Z"},
		{"type":"queue","id":"q","updatedAt":"2024-01-01T00:00:00Z"},
		7
	]}`), recordjson.Options{DefaultUpdatedAt: true})
	want := []string{
		"distributions[0].type", "distributions[1].serving", "distributions[1].winnerId",
		"distributions[2].serving", "distributions[2].x", "distributions[2].id", "distributions[2].updatedAt",
		"distributions[4].id", "distributions[5]",
	}
	if diff := cmp.Diff(want, badFields(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s\n%v", diff, err)
	}
}

func TestReadMerge(t *testing.T) {
	key := consumer.Key{OrganizationID: "org_1", ConsumerID: "c1"}
	got, err := recordjson.ReadMerge(strings.NewReader(`{"guestId":"g1","dryRun":true}`), key)
	if want := (consumer.Merge{OrganizationID: "org_1", GuestID: "g1", ConsumerID: "c1", DryRun: true}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for body, want := range map[string][]string{
		`{}`:                               {"guestId"},
		`{"guestId":"c1"}`:                 {"guestId"},
		`{"guestId":"me"}`:                 {"guestId"},
		`{"guestId":7,"x":1,"dryRun":"x"}`: {"guestId", "x", "dryRun"},
		`{"dryRun":null,"guestId":""}`:     {"guestId"},
		`{"guestId":"g","guestId":"g"}`:    {"guestId"},
	} {
		_, err := recordjson.ReadMerge(strings.NewReader(body), key)
		if diff := cmp.Diff(want, badFields(t, err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
	var syntax *recordjson.SyntaxError
	if _, err := recordjson.ReadMerge(strings.NewReader(`[]`), key); !errors.As(err, &syntax) {
		t.Errorf("a list: %v", err)
	}
}
