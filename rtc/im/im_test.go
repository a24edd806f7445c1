package im

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/im/imdn"
	"tandem/rtc/im/kept"
	"tandem/rtc/location"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
)

// everybody is a user.
type everybody struct{}

func (everybody) Ours([]byte, uint16) bool          { return true }
func (everybody) Domain([]byte) bool                { return true }
func (everybody) Resolve(a rtc.AOR) (rtc.AOR, bool) { return a, true }

func (everybody) ResolveFrom(_, a rtc.AOR) (rtc.AOR, bool) { return a, true }

func alone(t *testing.T, change func(*Config)) (*IM, *kept.Memory) {
	t.Helper()
	store := kept.NewMemory()
	where := location.New(nil, slog.New(slog.DiscardHandler))
	cfg := Config{Layer: transaction.New(transaction.Config{Lanes: 4}), Reach: reach.New(where, nil), Location: where, Users: everybody{}, Store: store, Domain: "example.com"}
	change(&cfg)
	im := New(cfg)
	ctx, stop := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { _ = im.Run(ctx) })
	t.Cleanup(func() { stop(); run.Wait() })
	return im, store
}

// vault is an archive that takes its time.
type vault struct {
	records chan Record
	answer  chan error
}

func (v *vault) Record(r Record, done func(error)) error {
	v.records <- r
	go func() { done(<-v.answer) }() // ends with the answer, which every test gives
	return nil
}

// A message is acknowledged only when the archive has it; when it cannot have
// it, the message goes nowhere and its sender is told.
func TestArchive(t *testing.T) {
	v := &vault{make(chan Record, 1), make(chan error)}
	im, store := alone(t, func(c *Config) { c.Archive = v })
	send := func() chan error {
		result := make(chan error, 1)
		go func() {
			_, err := im.Send(t.Context(), Draft{From: "sip:alice@example.com", To: "sip:bob@example.com", Body: []byte("hello")})
			result <- err
		}()
		return result
	}
	acknowledged := send()
	r := <-v.records
	if r.From != "sip:alice@example.com" || r.To != "sip:bob@example.com" || string(r.Body) != "hello" || r.Type != "text/plain;charset=UTF-8" || r.CallID == "" {
		t.Errorf("archived %+v", r)
	}
	select {
	case err := <-acknowledged:
		t.Fatalf("acknowledged before it is archived: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	if list, _ := store.Messages(t.Context(), r.To, 0, 10); len(list) != 0 {
		t.Error("kept before it is archived")
	}
	v.answer <- nil
	if err := <-acknowledged; err != nil {
		t.Error(err)
	}
	refused := send()
	<-v.records
	v.answer <- errors.New("the tape is full")
	var st *rtc.Status
	if err := <-refused; !errors.As(err, &st) || st.Code != 503 {
		t.Errorf("when it cannot be archived: %v", err)
	}
	if list, _ := store.Messages(t.Context(), r.To, 0, 10); len(list) != 1 {
		t.Errorf("%d are kept", len(list))
	}
}

// slow is an archive that answers the first of a sender when it is told to, and what
// comes later at once: on the lane, or off it.
type slow struct {
	first  chan func(error) // of the first
	off    bool
	mu     sync.Mutex
	writer map[rtc.AOR]bool // guarded by mu
}

func (s *slow) Record(r Record, done func(error)) error {
	s.mu.Lock()
	later := s.writer[r.From]
	s.writer[r.From] = true
	s.mu.Unlock()
	switch {
	case !later:
		s.first <- done
	case string(r.Body) == "refused":
		return errors.New("the tape is full")
	case s.off:
		go done(nil) // which ends at once
	default:
		done(nil)
	}
	return nil
}

// The messages of one sender to one receiver keep their order although the archive has
// the later ones first, and those of others do not wait for them.
func TestSlowArchive(t *testing.T) {
	for _, off := range []bool{false, true} {
		archive := &slow{first: make(chan func(error), 10), off: off, writer: make(map[rtc.AOR]bool)}
		im, _ := alone(t, func(c *Config) { c.Archive, c.Rate = archive, -1 })
		alice, bob, carol := rtc.AOR("sip:alice@example.com"), rtc.AOR("sip:bob@example.com"), rtc.AOR("sip:carol@example.com")
		told := make(chan int, 200)
		send := func(from, to rtc.AOR, text string) {
			go func() {
				code, err := im.Send(t.Context(), Draft{From: from, To: to, Body: []byte(text)})
				var st *rtc.Status
				if errors.As(err, &st) {
					code = st.Code
				}
				told <- code
			}()
		}
		inLine := func(from rtc.AOR, n int) {
			t.Helper()
			count := func() int {
				im.lines.mu.Lock()
				defer im.lines.mu.Unlock()
				return len(im.lines.of[pair{from, bob}])
			}
			for end := time.Now().Add(20 * time.Second); count() != n; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%d wait for the archive, want %d", count(), n)
				}
			}
		}
		var want []string
		for i := range maxLine { // one after the other, so that it is known in which order they come
			text := strconv.Itoa(i)
			if i == 7 {
				text = "refused"
			} else {
				want = append(want, text)
			}
			send(alice, bob, text)
			inLine(alice, i+1)
		}
		send(alice, bob, "one too many")
		if code := <-told; code != 503 {
			t.Errorf("beyond the line: told %d", code)
		}
		send(alice, carol, "to somebody else")
		if code := <-told; code != 202 {
			t.Errorf("to somebody else: told %d", code)
		}
		send(carol, bob, "of somebody else")
		release := <-archive.first
		(<-archive.first)(nil)
		if code := <-told; code != 202 {
			t.Errorf("of somebody else: told %d", code)
		}
		if n := len(im.Queue(bob)); n != 1 {
			t.Errorf("%d are kept while the first is being archived", n-1)
		}
		release(nil)
		refused := 0
		for range maxLine {
			if code := <-told; code == 503 {
				refused++
			} else if code != 202 {
				t.Errorf("told %d", code)
			}
		}
		if refused != 1 {
			t.Errorf("%d are refused, want the one that could not be archived", refused)
		}
		var got []string
		for _, k := range im.Queue(bob) {
			m, err := im.Show(t.Context(), bob, k.ID)
			if err != nil {
				t.Fatal(err)
			}
			if _, body, _ := m.Content(); k.From == alice {
				got = append(got, string(body))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("kept as %q", got)
		}
		inLine(alice, 0)
	}
}

// Also a message that goes no further is acknowledged only when the archive has it.
func TestArchiveOfDropped(t *testing.T) {
	v := &vault{make(chan Record, 1), make(chan error)}
	im, store := alone(t, func(c *Config) {
		c.Archive, c.Rule = v, func(Ask) Verdict { return Drop }
	})
	bob := rtc.AOR("sip:bob@example.com")
	for _, failure := range []error{nil, errors.New("the tape is full")} {
		result := make(chan error, 1)
		go func() {
			code, err := im.Send(t.Context(), Draft{From: "sip:alice@example.com", To: bob, Body: []byte("hello")})
			if err == nil && code != 202 {
				err = errors.New(strconv.Itoa(code))
			}
			result <- err
		}()
		select {
		case r := <-v.records:
			if r.To != bob || string(r.Body) != "hello" {
				t.Errorf("archived %+v", r)
			}
		case err := <-result:
			t.Fatalf("acknowledged before it is archived: %v", err)
		}
		v.answer <- failure
		if err := <-result; (err == nil) != (failure == nil) {
			t.Errorf("archived %v: told %v", failure, err)
		}
	}
	if list, _ := store.Messages(t.Context(), bob, 0, 10); len(list) != 0 || len(im.Queue(bob)) != 0 {
		t.Error("it is kept")
	}
}

// What the wire never carries in text is carried by type and charset alone: the
// bodies of real clients come out of the store as they went in.
func TestBodies(t *testing.T) {
	im, _ := alone(t, func(*Config) {})
	for kind, body := range map[string]string{
		"text/plain;charset=iso-8859-1":           "gr\xfc\xdfe",
		"text/plain;charset=UTF-8":                "grüße \U0001f600\r\n\r\nzweiter Absatz",
		"text/html":                               "<b>x</b>",
		"multipart/mixed;boundary=\"b\"":          "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n\x89PNG\x00\r\n--b--\r\n",
		"message/cpim":                            "From: <im:a@b>\r\n\r\nContent-Type: text/plain\r\n\r\nx",
		"application/vnd.gsma.rcs-ft-http+xml":    "<file/>",
		"text/plain; charset=\"UTF-8\"; format=x": strings.Repeat("é", 5000),
		"application/octet-stream;name=\"a;b,c\"": "\x00\x01\r\n\r\n\xff",
	} {
		to := rtc.AOR("sip:" + kind[:4] + strings.Repeat("x", len(body)%97) + "@example.com")
		if _, err := im.Send(t.Context(), Draft{From: "sip:alice@example.com", To: to, Type: kind, Body: []byte(body)}); err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		found := false
		for _, k := range im.Queue(to) {
			m, err := im.Show(t.Context(), to, k.ID)
			if err != nil {
				t.Fatal(err)
			}
			gotKind, got, err := m.Content()
			found = found || err == nil && gotKind == kind && string(got) == body
		}
		if !found {
			t.Errorf("%s: changed on the way", kind)
		}
	}
}

const cpim = "From: Alice <im:alice@example.com>\r\nTo: Bob <im:bob@example.com>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: 34jk324j\r\nDateTime: 2026-04-04T12:16:49-05:00\r\n" +
	"imdn.Disposition-Notification: positive-delivery, negative-delivery, processing\r\nContent-length: 12\r\n\r\nContent-type: text/plain\r\n\r\nHello World"

// Who asks for it is told that his message is kept, and later that it was not
// delivered (RFC 5438 §7.2). Nobody is told about a notice.
func TestNotices(t *testing.T) {
	im, _ := alone(t, func(*Config) {})
	alice, bob := rtc.AOR("sip:alice@example.com"), rtc.AOR("sip:bob@example.com")
	if _, err := im.Send(t.Context(), Draft{From: alice, To: bob, Type: "message/cpim", Body: []byte(cpim)}); err != nil {
		t.Fatal(err)
	}
	notices := func(n int) (texts []string) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); len(im.Queue(alice)) < n; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d notices, want %d", len(im.Queue(alice)), n)
			}
		}
		for _, k := range im.Queue(alice) {
			m, err := im.Show(t.Context(), alice, k.ID)
			if err != nil {
				t.Fatal(err)
			}
			p, _ := m.Parsed()
			if kindOf(p) != notice {
				t.Errorf("it is not taken for a notice:\n%s", m.Text)
			}
			texts = append(texts, string(p.Body()))
		}
		return texts
	}
	if got := notices(1)[0]; !strings.Contains(got, "<message-id>34jk324j</message-id>") || !strings.Contains(got, "<processing-notification><status><stored/>") ||
		!strings.Contains(got, "<recipient-uri>im:bob@example.com</recipient-uri>") {
		t.Errorf("told\n%s", got)
	}
	im.sweep(time.Now().Add(8 * 24 * time.Hour)) // the notice expires as well, and nobody hears of that
	got := notices(1)
	for end := time.Now().Add(30 * time.Second); !strings.Contains(got[0], "<failed/>") && time.Now().Before(end); got = notices(1) {
		time.Sleep(time.Millisecond)
	}
	if !strings.Contains(got[0], "<delivery-notification><status><failed/>") || len(im.Queue(bob)) != 0 {
		t.Errorf("told\n%s", got)
	}
}

// Who was blocked after he wrote is not told that his message has failed.
func TestNoFailureReportForBlocked(t *testing.T) {
	var blocked atomic.Pointer[rtc.AOR]
	im, _ := alone(t, func(c *Config) {
		c.Rule = func(a Ask) Verdict {
			if who := blocked.Load(); who != nil && a.From == *who {
				return Refuse
			}
			return Deliver
		}
	})
	alice, carol, bob := rtc.AOR("sip:alice@example.com"), rtc.AOR("sip:carol@example.com"), rtc.AOR("sip:bob@example.com")
	body := strings.Replace(cpim, "negative-delivery, processing", "negative-delivery", 1)
	for _, from := range []rtc.AOR{alice, carol} {
		if _, err := im.Send(t.Context(), Draft{From: from, To: bob, Type: "message/cpim", Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
	blocked.Store(&alice)
	im.sweep(time.Now().Add(8 * 24 * time.Hour))
	for end := time.Now().Add(30 * time.Second); len(im.Queue(carol)) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("carol, who is not blocked, is not told")
		}
	}
	if n := len(im.Queue(alice)); n != 0 || len(im.Queue(bob)) != 0 {
		t.Errorf("alice is told %d times", n)
	}
}

func FuzzWish(f *testing.F) {
	f.Add([]byte(cpim))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := new(sip.Message)
		if m.Parse(append([]byte("MESSAGE sip:x SIP/2.0\r\nContent-Type: message/cpim\r\n\r\n"), b...)) != nil {
			return
		}
		w := wishOf(m)
		if (w.Processing || w.Failure) && w.ID == "" {
			t.Fatalf("%+v", w)
		}
		_ = kindOf(m)
		_ = w.Report("sip:a", "sip:b", imdn.Delivery, imdn.Failed)
	})
}

// Reports go first through those who have put themselves on their way, in order;
// who may not be told is told that.
func TestNoticesOnTheirRoute(t *testing.T) {
	alice, list, bob := rtc.AOR("sip:alice@example.com"), rtc.AOR("sip:list@example.com"), rtc.AOR("sip:bob@example.com")
	may := true
	im, _ := alone(t, func(c *Config) {
		c.Report = func(sender, receiver rtc.AOR) bool { return may && sender == alice && receiver == bob }
	})
	body := strings.Replace(cpim, "Content-length: 12", "imdn.IMDN-Record-Route: <sip:list@example.com>\r\nimdn.IMDN-Record-Route: \"x\" <sip:far@example.net>\r\nimdn.Original-To: <im:all@example.com>", 1)
	report := func(user rtc.AOR, n int) string {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); len(im.Queue(user)) < n; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d reports for %s, want %d", len(im.Queue(user)), user, n)
			}
		}
		m, err := im.Show(t.Context(), user, im.Queue(user)[n-1].ID)
		if err != nil {
			t.Fatal(err)
		}
		p, _ := m.Parsed()
		return string(p.Body())
	}
	send := func(body string) {
		t.Helper()
		if _, err := im.Send(t.Context(), Draft{From: alice, To: bob, Type: "message/cpim", Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
	send(body)
	if got := report(list, 1); !strings.Contains(got, "\r\nimdn.IMDN-Route: <sip:list@example.com>\r\nimdn.IMDN-Route: <sip:far@example.net>\r\n") ||
		!strings.Contains(got, "To: <sip:alice@example.com>") || !strings.Contains(got, "<original-recipient-uri>im:all@example.com</original-recipient-uri>") {
		t.Errorf("on the way\n%s", got)
	}
	if n := len(im.Queue(alice)); n != 0 {
		t.Errorf("%d reports past the one on the way", n)
	}
	may = false
	send(cpim)
	if got := report(alice, 1); !strings.Contains(got, "<processing-notification><status><forbidden/>") {
		t.Errorf("who may not know is told\n%s", got)
	}
}

// A program is a device: every message waits for it until it has taken it, also
// what its user writes elsewhere.
func TestProgram(t *testing.T) {
	im, store := alone(t, func(c *Config) { c.Copies = true })
	alice, bob := rtc.AOR("sip:alice@example.com"), rtc.AOR("sip:bob@example.com")
	im.Attach(bob, "web")
	im.Attach(alice, "web")
	im.Attach(alice, "other")
	send := func(text, device string) {
		t.Helper()
		if _, err := im.Send(t.Context(), Draft{From: alice, To: bob, Body: []byte(text), Device: device}); err != nil {
			t.Fatal(err)
		}
	}
	texts := func(user rtc.AOR, device string, n int) (list []string) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); len(im.QueueFor(user, device)) < n && time.Now().Before(end); time.Sleep(time.Millisecond) {
		}
		for _, k := range im.QueueFor(user, device) {
			m, err := im.Show(t.Context(), user, k.ID)
			if err != nil {
				t.Fatal(err)
			}
			_, body, _ := m.Content()
			list = append(list, string(body))
		}
		return list
	}
	send("1", "web")
	send("2", "")
	if got := strings.Join(texts(bob, "web", 2), " "); got != "1 2" {
		t.Fatalf("bob gets %s", got)
	}
	if got := strings.Join(texts(alice, "other", 2), " "); got != "1 2" {
		t.Errorf("alice's other program gets %s", got)
	}
	if got := strings.Join(texts(alice, "web", 1), " "); got != "2" {
		t.Errorf("the program she wrote with gets %s", got)
	}
	first := im.QueueFor(bob, "web")[0].ID
	if err := im.Take(bob, first, "web"); err != nil {
		t.Error(err)
	}
	if err := im.Take(bob, first, "web"); !errors.Is(err, ErrUnknown) {
		t.Errorf("twice: %v", err)
	}
	if got := strings.Join(texts(bob, "web", 1), " "); got != "2" {
		t.Errorf("then bob gets %s", got)
	}
	if list, _ := store.Messages(t.Context(), bob, 0, 10); len(list) != 1 {
		t.Errorf("%d are kept", len(list))
	}
	im.Detach(alice, "other")
	if got := texts(alice, "other", 0); len(got) != 0 || len(im.Queue(alice)) != 1 {
		t.Errorf("a program that is no more gets %q, %d wait", got, len(im.Queue(alice)))
	}
}

// A sender in a hurry is told when to go on, and nobody else has to wait.
func TestRate(t *testing.T) {
	im, _ := alone(t, func(c *Config) { c.Rate, c.Burst = 0.001, 3 })
	send := func(from rtc.AOR) *rtc.Status {
		t.Helper()
		var st *rtc.Status
		if _, err := im.Send(t.Context(), Draft{From: from, To: "sip:bob@example.com", Body: []byte("x")}); err != nil && !errors.As(err, &st) {
			t.Fatal(err)
		}
		return st
	}
	for i := range 5 {
		if st := send("sip:alice@example.com"); (st != nil) != (i >= 3) || st != nil && (st.Code != 503 || !strings.Contains(string(st.Header), "Retry-After: ")) {
			t.Errorf("message %d: %+v", i+1, st)
		}
	}
	if st := send("sip:carol@example.com"); st != nil {
		t.Errorf("carol: %v", st)
	}
}

// A mailbox is full by its octets as well as by its messages, of each receiver
// alone, and has room again when something is taken.
func TestFullByOctets(t *testing.T) {
	im, store := alone(t, func(c *Config) { c.MaxOctets = 3000 })
	bob, carol := rtc.AOR("sip:bob@example.com"), rtc.AOR("sip:carol@example.com")
	send := func(to rtc.AOR, octets int) (code int) {
		t.Helper()
		code, err := im.Send(t.Context(), Draft{From: "sip:alice@example.com", To: to, Body: make([]byte, octets)})
		var st *rtc.Status
		if errors.As(err, &st) {
			return st.Code
		}
		return code
	}
	for i, c := range []struct {
		to     rtc.AOR
		octets int
		code   int
	}{{bob, 2000, 202}, {bob, 2000, 480}, {bob, 10, 202}, {carol, 2000, 202}} {
		if code := send(c.to, c.octets); code != c.code {
			t.Errorf("message %d: told %d, want %d", i, code, c.code)
		}
	}
	first := im.Queue(bob)[0].ID
	if err := im.Delete(t.Context(), bob, first); err != nil {
		t.Fatal(err)
	}
	if code := send(bob, 2000); code != 202 {
		t.Errorf("when there is room again: %d", code)
	}
	list, _ := store.Messages(t.Context(), bob, 0, 10)
	octets := 0
	for i := range list {
		octets += list[i].Octets()
	}
	if len(list) != 2 || octets > 3000 {
		t.Errorf("%d messages of %d octets are kept", len(list), octets)
	}
}

// fullStore takes nothing while it is full.
type fullStore struct {
	*kept.Memory
	full atomic.Bool
}

func (s *fullStore) Put(m kept.Message, done func(error)) error {
	if s.full.Load() {
		return errors.New("the queue of the disk is full")
	}
	return s.Memory.Put(m, done)
}

// A store that is full refuses, and loses nothing of what it has.
func TestFullStore(t *testing.T) {
	store := &fullStore{Memory: kept.NewMemory()}
	im, _ := alone(t, func(c *Config) { c.Store = store })
	bob := rtc.AOR("sip:bob@example.com")
	send := func(text string) (code int) {
		t.Helper()
		code, err := im.Send(t.Context(), Draft{From: "sip:alice@example.com", To: bob, Body: []byte(text)})
		var st *rtc.Status
		if errors.As(err, &st) {
			return st.Code
		}
		return code
	}
	var codes []int
	for i := range 6 {
		store.full.Store(i == 2 || i == 3)
		codes = append(codes, send(strconv.Itoa(i)))
	}
	if !slices.Equal(codes, []int{202, 202, 503, 503, 202, 202}) {
		t.Errorf("told %v", codes)
	}
	got := ""
	for _, k := range im.Queue(bob) {
		m, err := im.Show(t.Context(), bob, k.ID)
		if err != nil {
			t.Fatal(err)
		}
		_, body, _ := m.Content()
		got += string(body)
	}
	if got != "0145" || im.Stats().Waiting != 4 {
		t.Errorf("kept are %s, %d", got, im.Stats().Waiting)
	}
}
