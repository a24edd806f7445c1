package executive

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/pint"
	"tandem/pint/party"
	"tandem/pint/service"
	"tandem/rtc"
)

// exchange is telephony that does as the test says.
type exchange struct {
	mu    sync.Mutex
	calls []*call
	fail  error
}

// call is a call it was asked for.
type call struct {
	pint.Call
	at    time.Time
	tell  func(pint.Progress)
	hung  []string
	asked []string
	deaf  bool // cannot be recorded
}

func (x *exchange) Connect(c pint.Call, tell func(pint.Progress)) (pint.Handle, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.fail != nil {
		return nil, x.fail
	}
	k := &call{Call: c, at: time.Now(), tell: tell}
	x.calls = append(x.calls, k)
	return k, nil
}

// Hangup ends the call as telephony does: Ended follows.
func (k *call) Hangup(by string) {
	k.hung = append(k.hung, by)
	k.tell(pint.Progress{Step: pint.Ended, Code: 480, Cause: 16, By: by, Text: "hung up by " + by})
}

// Proceed, Speak and Record note that they were asked for.
func (k *call) Proceed() { k.asked = append(k.asked, "proceed") }
func (k *call) Speak(second bool, f []string) {
	k.asked = append(k.asked, fmt.Sprint("speak ", second, " ", f))
}
func (k *call) Record(context.Context) (string, error) {
	if k.deaf {
		return "", errors.New("no such folder")
	}
	return "call.wav", nil
}

func (x *exchange) last(t *testing.T, n int) *call {
	t.Helper()
	synctest.Wait()
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.calls) != n {
		t.Fatalf("%d calls were made, want %d", len(x.calls), n)
	}
	if n == 0 {
		return nil
	}
	return x.calls[n-1]
}

// steps has a call go through steps.
func (k *call) steps(list ...pint.Step) {
	for _, s := range list {
		k.tell(pint.Progress{Step: s, Gateway: "berlin"})
	}
	synctest.Wait()
}

func (k *call) end(p pint.Progress) {
	p.Step = pint.Ended
	k.tell(p)
	synctest.Wait()
}

// rights let alice call everybody but 0900 numbers; numbers beginning with +4930 are
// hers.
type rights struct {
	mu        sync.Mutex
	forbidden string
}

func (r *rights) forbid(numbers string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forbidden = numbers
}

func (r *rights) Resolve(_ rtc.AOR, p *party.Party) (pint.Destination, error) {
	return pint.Destination{To: p.String(), Own: strings.HasPrefix(p.Number, "+4930"), Show: p.Number}, nil
}

func (r *rights) Provider(name string) error {
	if name == "telco.com" {
		return nil
	}
	return pint.Refuse(606, "not reached")
}

func (r *rights) May(_ rtc.AOR, d pint.Destination) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.forbidden != "" && strings.HasPrefix(d.To, r.forbidden) {
		return pint.Refuse(403, "not allowed")
	}
	return nil
}

// world is an executive in virtual time.
type world struct {
	*Executive
	t      *testing.T
	ex     *exchange
	rights *rights
	store  *pint.Memory
	kept   pint.Store // nil: store
	mu     sync.Mutex
	states []string
	stop   func()
	fax    Fax
}

// voice gives one file for each text, by its name.
type voice struct{}

func (voice) Can(pint.Content) error { return nil }
func (voice) Make(_ context.Context, list []pint.Content, _ string) (files []string, done func(), err error) {
	for _, c := range list {
		files = append(files, string(c.Part)+".wav")
	}
	return files, func() {}, nil
}

// inTime runs f in a bubble, with an executive whose R2C service is as given. It is
// midnight of the first of January 2000.
func inTime(t *testing.T, svc service.Service, f func(w *world)) {
	t.Helper()
	inTimeAt(t, time.Time{}, svc, f)
}

// inTimeAt is inTime from another moment on.
func inTimeAt(t *testing.T, at time.Time, svc service.Service, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(at))
		w := &world{t: t, ex: &exchange{}, rights: &rights{forbidden: "+49900"}, store: pint.NewMemory()}
		w.open(svc)
		f(w)
		w.stop()
	})
}

func (w *world) open(svc service.Service) {
	if svc.Name == "" {
		svc.Name, svc.Kind = "R2C", service.Call
	}
	table, err := service.New([]service.Service{svc})
	if err != nil {
		w.t.Fatal(err)
	}
	if w.kept == nil {
		w.kept = w.store
	}
	cfg := Config{Store: w.kept, Telephony: w.ex, Rights: w.rights, Services: table, Records: true}
	if svc.Machine != "" || svc.Kind == service.Hear {
		cfg.Sounds = voice{}
	}
	if w.fax != nil {
		cfg.Fax = w.fax
	}
	w.Executive = New(cfg)
	w.Watch(func(s pint.Session) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.states = append(w.states, s.Info)
	})
	if err := w.Load(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = w.Run(ctx) }()
	w.stop = func() { cancel(); <-ended }
	synctest.Wait()
}

func order() pint.Order {
	return pint.Order{Service: "R2C", Door: pint.REST, By: "sip:alice@example.com", Client: "token:crm",
		A: party.Party{Number: "+4940111"}, B: party.Party{Number: "+4930222"}}
}

// ask takes an order on.
func (w *world) ask(o pint.Order) pint.Session {
	w.t.Helper()
	var out pint.Session
	if err := w.Accept(o, o.Door != pint.SIP, func(s pint.Session, err error) {
		if out = s; err != nil {
			w.t.Error(err)
		}
	}); err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait()
	return out
}

func (w *world) session(id string) pint.Session {
	w.t.Helper()
	synctest.Wait()
	s, ok, err := w.Find(w.t.Context(), id)
	if !ok || err != nil {
		w.t.Fatal(ok, err)
	}
	return s
}

func (w *world) is(id string, state pint.State, info string) pint.Session {
	w.t.Helper()
	s := w.session(id)
	if s.State != state || !strings.Contains(s.Info, info) {
		w.t.Errorf("session is %s, %q; want %s, %q", s.State, s.Info, state, info)
	}
	return s
}

var whole = []pint.Step{pint.FirstRinging, pint.FirstAnswered, pint.SecondRinging, pint.Joined}

func TestCall(t *testing.T) {
	inTime(t, service.Service{}, func(w *world) {
		id := w.ask(order()).ID
		k := w.ex.last(t, 1)
		if k.First.To != "+4930222" || k.Second.To != "+4940111" || k.First.Caller != "+4940111" || k.Payer != "sip:alice@example.com" {
			t.Errorf("%+v", k.Call)
		}
		k.steps(whole...)
		time.Sleep(90 * time.Second)
		k.end(pint.Progress{Code: 200, Cause: 16, By: "second"})
		s := w.is(id, pint.Completed, "ended by A")
		if s.Talked() < 90*time.Second || s.EndedBy != "A" || s.Gateway != "berlin" || s.Tries != 1 {
			t.Errorf("%+v", s)
		}
		want := []string{"queued", "dialling B", "B ringing", "B answered", "dialling A", "A ringing", "connected", "ended by A"}
		if !slices.Equal(w.states, want) {
			t.Errorf("told were %q", w.states)
		}
		if all, waiting := w.Active(); all != 0 || waiting != 0 {
			t.Error(all, waiting)
		}
	})
}

// Nothing is done before the client has confirmed, and nothing at all when it never
// does.
func TestConfirm(t *testing.T) {
	inTime(t, service.Service{}, func(w *world) {
		o := order()
		o.Door = pint.SIP
		id := w.ask(o).ID
		w.ex.last(t, 0)
		w.Confirm(id)
		w.Confirm(id) // the ACK came twice
		w.ex.last(t, 1)
		o.B.Number = "+4930333"
		other := w.ask(o).ID
		if err := w.Cancel(other, "no ACK", nil); err != nil {
			t.Error(err)
		}
		w.is(other, pint.Cancelled, "no ACK")
		w.Confirm(other)
		w.ex.last(t, 1)
	})
}

// Whenever it is cancelled, it is cancelled once, and telephony is told.
func TestCancel(t *testing.T) {
	for n := range len(whole) + 1 {
		inTime(t, service.Service{Retries: 3}, func(w *world) {
			id := w.ask(order()).ID
			k := w.ex.last(t, 1)
			k.steps(whole[:n]...)
			if err := w.Cancel(id, "requester", nil); err != nil {
				t.Fatal(err)
			}
			state := pint.Cancelled
			if n == len(whole) {
				state = pint.Completed
			}
			w.is(id, state, "requester")
			if !slices.Equal(k.hung, []string{"requester"}) {
				t.Errorf("after %d steps hung up by %q", n, k.hung)
			}
			if err := w.Cancel(id, "again", nil); !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrEnded) {
				t.Error(err)
			}
			time.Sleep(time.Hour)
			w.ex.last(t, 1) // it is not tried again
		})
	}
}

func TestRetry(t *testing.T) {
	for _, c := range []struct {
		name  string
		svc   service.Service
		code  int
		by    string
		calls int
	}{
		{"busy, by default once", service.Service{}, 486, "", 1},
		{"busy", service.Service{Retries: 2}, 486, "", 3},
		{"no answer", service.Service{Retries: 2}, 408, "", 3},
		{"a failure is no reason", service.Service{Retries: 2}, 503, "", 1},
		{"a failure", service.Service{Retries: 1, RetryOn: []service.Reason{service.Failed}}, 503, "", 2},
		{"declined", service.Service{Retries: 2}, 603, "", 1},
		{"the first hung up", service.Service{Retries: 2}, 487, "first", 1},
		{"the server ended", service.Service{Retries: 2}, 480, "server", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			inTime(t, c.svc, func(w *world) {
				begin := time.Now()
				id := w.ask(order()).ID
				for n := 1; n <= c.calls; n++ {
					k := w.ex.last(t, n)
					if want := time.Duration(n-1) * time.Minute; k.at.Sub(begin) != want {
						t.Errorf("try %d after %s, want %s", n, k.at.Sub(begin), want)
					}
					k.end(pint.Progress{Code: c.code, By: c.by, Text: "why"})
					if n < c.calls {
						w.is(id, pint.Scheduled, fmt.Sprintf("try %d of %d", n+1, c.calls))
						time.Sleep(time.Minute)
					}
				}
				if s := w.is(id, pint.Failed, "why"); c.by == "" && (s.Code != c.code || s.Tries != c.calls) {
					t.Errorf("%+v", s)
				}
				time.Sleep(time.Hour)
				w.ex.last(t, c.calls)
			})
		})
	}
}

// A user who was busy and is free again is called at once.
func TestFreed(t *testing.T) {
	inTime(t, service.Service{Retries: 1, Pause: time.Hour}, func(w *world) {
		w.ask(order())
		k := w.ex.last(t, 1)
		k.steps(pint.FirstAnswered)
		k.end(pint.Progress{Code: 486, Second: true})
		w.Freed("+4930222") // it was the other one
		w.ex.last(t, 1)
		w.Freed("+4940111")
		w.ex.last(t, 2)
		time.Sleep(2 * time.Hour)
		w.ex.last(t, 2)
	})
}

func TestMaxTalk(t *testing.T) {
	inTime(t, service.Service{MaxTalk: 10 * time.Minute}, func(w *world) {
		id := w.ask(order()).ID
		k := w.ex.last(t, 1)
		k.steps(whole...)
		time.Sleep(10*time.Minute - time.Second)
		w.is(id, pint.Connected, "connected")
		time.Sleep(time.Second)
		w.is(id, pint.Completed, "longest talk time")
	})
}

// Scheduled calls come at their time, to the second, across a change of the clock,
// and after a restart.
func TestSchedule(t *testing.T) {
	noon := time.Date(2027, 3, 27, 12, 0, 0, 0, time.UTC)
	inTimeAt(t, noon, service.Service{Limits: service.Limits{PerMinute: 1000}}, func(w *world) {
		zone, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		var times []time.Time
		for h := range 24 {
			o := order()
			o.B.Number = fmt.Sprintf("+49302%02d", h)
			o.At, o.Zone = time.Date(2027, 3, 28, h, 15, 0, 0, zone), "Europe/Berlin"
			if h == 2 {
				continue // the clock skips it
			}
			times = append(times, o.At)
			w.ask(o)
		}
		if all, waiting := w.Active(); all != 23 || waiting != 23 {
			t.Error(all, waiting)
		}
		for n, at := range times {
			if n == 5 { // between the fifth and the sixth
				time.Sleep(time.Until(at) - time.Minute)
				w.stop()
				w.open(service.Service{})
			}
			time.Sleep(time.Until(at))
			k := w.ex.last(t, n+1)
			if !k.at.Equal(at) {
				t.Errorf("call %d at %s, want %s", n, k.at, at)
			}
			k.end(pint.Progress{Code: 603})
		}
	})
}

// A restart while telephones ring: nobody is called again, and the session says why.
func TestRestart(t *testing.T) {
	inTime(t, service.Service{Retries: 3}, func(w *world) {
		id := w.ask(order()).ID
		w.ex.last(t, 1).steps(pint.FirstRinging, pint.FirstAnswered, pint.SecondRinging)
		o := order()
		o.Door, o.B.Number = pint.SIP, "+4930444"
		unconfirmed := w.ask(o).ID
		o = order()
		o.At, o.B.Number = time.Now().Add(time.Hour), "+4930555"
		missed := w.ask(o).ID
		crashed := w.store.Copy() // as on disk when the process is killed
		w.stop()
		w.store, w.kept = crashed, crashed
		time.Sleep(2 * time.Hour)
		w.open(service.Service{Retries: 3})
		w.is(id, pint.Failed, "the server ended during the call")
		w.is(unconfirmed, pint.Cancelled, "before the request was confirmed")
		w.is(missed, pint.Failed, "missed")
		time.Sleep(24 * time.Hour)
		w.ex.last(t, 1)
	})
}

func TestRefused(t *testing.T) {
	change := func(f func(o *pint.Order)) pint.Order { o := order(); f(&o); return o }
	for _, c := range []struct {
		name  string
		order pint.Order
		svc   service.Service
		code  int
	}{
		{"nobody asks", change(func(o *pint.Order) { o.By = "" }), service.Service{}, 403},
		{"unknown service", change(func(o *pint.Order) { o.Service = "x" }), service.Service{}, 404},
		{"not the requester's own", change(func(o *pint.Order) { o.B.Number = "+49401" }), service.Service{}, 403},
		{"premium A", change(func(o *pint.Order) { o.A.Number = "+4990055" }), service.Service{}, 403},
		{"premium B", change(func(o *pint.Order) { o.B.Number = "+4990055" }), service.Service{AnyParty: true}, 403},
		{"no A", change(func(o *pint.Order) { o.A = party.Party{} }), service.Service{}, 606},
		{"no B", change(func(o *pint.Order) { o.B = party.Party{} }), service.Service{}, 400},
		{"the same twice", change(func(o *pint.Order) { o.A = o.B }), service.Service{}, 606},
		{"in two years", change(func(o *pint.Order) { o.At = time.Date(2001, 6, 1, 0, 0, 0, 0, time.UTC) }), service.Service{}, 606},
		{"ends before it begins", change(func(o *pint.Order) { o.Until = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC) }), service.Service{}, 606},
		{"quiet", order(), service.Service{Quiet: service.Quiet{From: "23:00", Until: "07:00"}}, 480},
		{"fax", change(func(o *pint.Order) { o.Service = "R2F" }), service.Service{}, 501},
		{"nothing to hear", change(func(o *pint.Order) { o.Service = "R2HC" }), service.Service{}, 400},
		{"nothing plays", change(func(o *pint.Order) { o.Service, o.Content = "R2HC", []pint.Content{{Part: []byte("hi")}} }), service.Service{}, 501},
	} {
		t.Run(c.name, func(t *testing.T) {
			inTime(t, c.svc, func(w *world) { // it is midnight
				var r *pint.Refusal
				if err := w.Accept(c.order, true, func(pint.Session, error) {}); !errors.As(err, &r) || r.Code != c.code || r.Text == "" {
					t.Errorf("%v, want %d", err, c.code)
				}
				if all, _ := w.Active(); all != 0 {
					t.Error(all, "sessions")
				}
			})
		})
	}
}

func TestLimits(t *testing.T) {
	limits := service.Limits{PerMinute: 6, AtOnce: 2, Waiting: 2}
	inTime(t, service.Service{Limits: limits}, func(w *world) {
		n := 0
		try := func(o pint.Order) int {
			n++
			o.B.Number = fmt.Sprintf("+4930%d", n)
			var r *pint.Refusal
			if err := w.Accept(o, true, func(pint.Session, error) {}); errors.As(err, &r) {
				return r.Code
			} else if err != nil {
				t.Error(err)
			}
			synctest.Wait()
			return 200
		}
		later := order()
		later.At = time.Now().Add(time.Hour)
		for i, want := range []int{200, 200, 480, 200, 200, 480} {
			o := order()
			if i > 2 {
				o = later
			}
			if got := try(o); got != want {
				t.Errorf("request %d: %d, want %d", i, got, want)
			}
		}
		for _, k := range w.ex.calls {
			k.end(pint.Progress{Code: 603})
		}
		if got := try(order()); got != 200 { // a place is free again
			t.Error(got)
		}
		eve := order()
		eve.By = "sip:eve@example.com"
		if got := try(eve); got != 200 { // others have limits of their own
			t.Error(got)
		}
		for _, want := range []int{200, 480} {
			w.ex.calls[len(w.ex.calls)-2].end(pint.Progress{Code: 603})
			if got := try(order()); got != want {
				t.Errorf("within the minute: %d, want %d", got, want)
			}
		}
		time.Sleep(time.Minute)
		if got := try(order()); got != 200 {
			t.Error(got)
		}
	})
	inTime(t, service.Service{}, func(w *world) { // the same again
		w.ask(order())
		var r *pint.Refusal
		if err := w.Accept(order(), true, nil); !errors.As(err, &r) || r.Code != 480 || r.After != 10*time.Second {
			t.Error(err)
		}
	})
}

// TestWaitingCountsWhenAccepted: a call for later takes its place among those that wait
// when it is taken on, not only at the ACK, and gives it back once: when it is cancelled,
// when it begins, and also when a restart has come in between.
func TestWaitingCountsWhenAccepted(t *testing.T) {
	inTime(t, service.Service{Limits: service.Limits{PerMinute: 100, Waiting: 1}}, func(w *world) {
		o := order()
		o.Door = pint.SIP
		refused := func(name string) {
			t.Helper()
			var r *pint.Refusal
			if err := w.Accept(o, false, nil); !errors.As(err, &r) || !strings.Contains(r.Text, "too many scheduled calls") {
				t.Errorf("%s: %v", name, err)
			}
		}
		next := func() string {
			t.Helper()
			o.At, o.A.Number = time.Now().Add(time.Hour), o.A.Number+"1"
			id := w.ask(o).ID
			o.A.Number += "1"
			return id
		}
		first := next()
		refused("before the ACK")
		if err := w.Cancel(first, "requester", nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		second := next()
		w.Confirm(second)
		synctest.Wait()
		refused("after the ACK")
		time.Sleep(time.Hour)
		w.ex.last(t, 1).end(pint.Progress{Code: 603})
		next()
		w.stop()
		w.open(service.Service{Limits: service.Limits{PerMinute: 100, Waiting: 1}}) // cancels what was not confirmed
		next()
		refused("after a restart")
	})
}

// A call whose requester has no place free waits for one, and so does one that comes
// due in quiet hours.
func TestWaits(t *testing.T) {
	quiet := service.Quiet{From: "22:00", Until: "07:00"}
	inTime(t, service.Service{Limits: service.Limits{AtOnce: 1}, Quiet: quiet, Retries: 1, Pause: 2 * time.Hour}, func(w *world) {
		time.Sleep(21 * time.Hour)
		first := w.ask(order()).ID
		o := order()
		o.At, o.A.Number = time.Now().Add(time.Minute), "+4940999"
		second := w.ask(o).ID
		time.Sleep(2 * time.Minute)
		w.is(second, pint.Scheduled, "free line")
		w.ex.last(t, 1).end(pint.Progress{Code: 486})
		time.Sleep(2 * time.Second)
		w.ex.last(t, 2).end(pint.Progress{Code: 603})
		w.is(first, pint.Scheduled, "try 2 of 2 follows")
		time.Sleep(3 * time.Hour) // the second try falls into the night
		w.is(first, pint.Scheduled, "quiet time")
		w.ex.last(t, 2)
		time.Sleep(time.Until(time.Now().Truncate(24 * time.Hour).Add(7 * time.Hour)))
		w.ex.last(t, 3)
	})
}

// Rights are asked again when the call begins.
func TestRightsWithdrawn(t *testing.T) {
	inTime(t, service.Service{}, func(w *world) {
		o := order()
		o.At = time.Now().Add(time.Hour)
		id := w.ask(o).ID
		w.rights.forbid("+4940")
		time.Sleep(time.Hour)
		w.is(id, pint.Failed, "not allowed")
		w.ex.last(t, 0)
	})
}

// A call that cannot begin says why.
func TestConnectFails(t *testing.T) {
	inTime(t, service.Service{}, func(w *world) {
		w.ex.fail = fmt.Errorf("calling B: %w", &rtc.Status{Code: 404})
		if s := w.is(w.ask(order()).ID, pint.Failed, "calling B"); s.Code != 404 {
			t.Error(s.Code)
		}
	})
}

// TestScheduledMemory: ten thousand scheduled calls take less than 20 MiB.
func TestScheduledMemory(t *testing.T) {
	const calls = 10_000
	w := &world{t: t, ex: &exchange{}, rights: &rights{}, store: pint.NewMemory()}
	table, err := service.New([]service.Service{{Name: "R2C", Kind: service.Call, Limits: service.Limits{PerMinute: calls, Waiting: calls}}})
	if err != nil {
		t.Fatal(err)
	}
	x := New(Config{Store: discard{w.store}, Telephony: w.ex, Rights: w.rights, Services: table})
	if err := x.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := heap()
	at := time.Now().Add(24 * time.Hour)
	for n := range calls {
		o := order()
		o.By = rtc.AOR(fmt.Sprintf("sip:user%d@example.com", n%200))
		o.A.Number, o.B.Number, o.At, o.Zone = fmt.Sprintf("+4940%06d", n), fmt.Sprintf("+4930%06d", n), at, "Europe/Berlin"
		if err := x.Accept(o, true, func(pint.Session, error) {}); err != nil {
			t.Fatal(err)
		}
	}
	x.owners.Wait()
	used := heap() - before
	t.Logf("%.1f MiB, %d octets a call", float64(used)/(1<<20), used/calls)
	if _, waiting := x.Active(); waiting != calls || used > 20<<20 {
		t.Errorf("%d calls wait and take %d octets", waiting, used)
	}
	runtime.KeepAlive(x)
}

// discard is a store that keeps nothing, as the disk keeps nothing in memory.
type discard struct{ *pint.Memory }

func (discard) Put(_ *pint.Session, done func(error)) error { done(nil); return nil }

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkCall is what the executive costs a call, from the order to its end,
// without telephony and disk.
func BenchmarkCall(b *testing.B) {
	b.ReportAllocs()
	ex := &exchange{}
	table, err := service.New([]service.Service{{Name: "R2C", Kind: service.Call, Limits: service.Limits{PerMinute: 1 << 30, AtOnce: 1 << 30, Same: time.Nanosecond}}})
	if err != nil {
		b.Fatal(err)
	}
	x := New(Config{Store: discard{pint.NewMemory()}, Telephony: ex, Rights: &rights{}, Services: table})
	for n := range b.N {
		o := order()
		o.By = rtc.AOR(fmt.Sprintf("sip:user%d@example.com", n%100))
		if err := x.Accept(o, true, func(pint.Session, error) {}); err != nil {
			b.Fatal(err)
		}
		x.owners.Wait()
		k := ex.calls[0]
		ex.calls = ex.calls[:0]
		for _, s := range whole {
			k.tell(pint.Progress{Step: s})
		}
		k.tell(pint.Progress{Step: pint.Ended, Code: 200, By: "first"})
		x.owners.Wait()
	}
}
