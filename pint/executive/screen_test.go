package executive

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tandem/pint"
	"tandem/pint/party"
	"tandem/pint/service"
)

// TestScreened: whom a call waits for, and what is done when a machine answers.
func TestScreened(t *testing.T) {
	person, machine, over := pint.Progress{Step: pint.Person}, pint.Progress{Step: pint.Machine}, pint.Progress{Step: pint.GreetingOver}
	second := func(p pint.Progress) pint.Progress { p.Second = true; return p }
	for name, c := range map[string]struct {
		action service.Action
		told   []pint.Progress // after the first has answered
		joined bool            // between the first thing told and the rest
		asked  []string        // of telephony
		hung   []string
		state  pint.State
		info   string
		leg    service.Leg
	}{
		"a person":             {service.ActionHangup, []pint.Progress{person}, false, []string{"proceed"}, nil, pint.Joining, "dialling A", ""},
		"a machine, hangup":    {service.ActionHangup, []pint.Progress{machine}, false, nil, []string{"answering machine"}, pint.Failed, "480/16 the answering machine of B answered", service.B},
		"a machine, join":      {service.ActionJoin, []pint.Progress{machine, over}, false, []string{"proceed"}, nil, pint.Joining, "dialling A", service.B},
		"a machine that talks": {service.ActionSpeak, []pint.Progress{machine}, false, nil, nil, pint.Joining, "the answering machine of B answered", service.B},
		"a machine, speak":     {service.ActionSpeak, []pint.Progress{machine, over}, false, []string{"speak false [call me.wav]"}, nil, pint.Joining, "speaking to the answering machine of B", service.B},
		"the second, hangup":   {service.ActionHangup, []pint.Progress{person, second(machine)}, true, []string{"proceed"}, []string{"answering machine"}, pint.Failed, "480/16 the answering machine of A answered", service.A},
		"the second, speak":    {service.ActionSpeak, []pint.Progress{person, second(machine), second(over)}, true, []string{"proceed", "speak true [call me.wav]"}, nil, pint.Connected, "speaking to the answering machine of A", service.A},
		"the second, join":     {service.ActionJoin, []pint.Progress{person, second(machine), second(over)}, true, []string{"proceed"}, nil, pint.Connected, "the answering machine of A answered", service.A},
	} {
		inTime(t, service.Service{Machine: c.action, Message: "call me"}, func(w *world) {
			s := w.ask(order())
			k := w.ex.last(t, 1)
			if !k.Screen {
				t.Errorf("%s: nobody listens", name)
			}
			k.steps(pint.FirstRinging, pint.FirstAnswered)
			if got := w.session(s.ID); got.Info != "B answered" {
				t.Errorf("%s: goes on by itself: %s", name, got.Info)
			}
			for i, p := range c.told {
				if k.tell(p); i == 0 && c.joined {
					k.steps(pint.SecondRinging, pint.Joined)
				}
			}
			got := w.is(s.ID, c.state, c.info)
			if got.Machine != c.leg || !slices.Equal(k.asked, c.asked) || !slices.Equal(k.hung, c.hung) {
				t.Errorf("%s: machine of %q, asked %q, hung up by %q; want %q, %q, %q", name, got.Machine, k.asked, k.hung, c.leg, c.asked, c.hung)
			}
		})
	}
}

// TestMachineTriedAgain: an answering machine counts as no answer, and the person who
// answers the next time is talked to.
func TestMachineTriedAgain(t *testing.T) {
	inTime(t, service.Service{Machine: service.ActionHangup, Retries: 1, Pause: time.Minute}, func(w *world) {
		s := w.ask(order())
		k := w.ex.last(t, 1)
		k.steps(pint.FirstAnswered, pint.Person, pint.SecondRinging, pint.Joined)
		k.tell(pint.Progress{Step: pint.Machine, Second: true})
		if got := w.is(s.ID, pint.Scheduled, "no-answer, try 2 of 2 follows"); !got.Connected.IsZero() {
			t.Errorf("talked to a machine: %v", got.Connected)
		}
		time.Sleep(time.Minute)
		k = w.ex.last(t, 2)
		k.steps(pint.FirstAnswered, pint.Person, pint.Joined)
		k.tell(pint.Progress{Step: pint.Person, Second: true})
		k.end(pint.Progress{Code: 200, Cause: 16, By: "second"})
		w.is(s.ID, pint.Completed, "ended by A")
	})
}

// TestHeardByMachine: what a request wants heard is played to a machine once it records.
func TestHeardByMachine(t *testing.T) {
	inTime(t, service.Service{Name: "R2HC", Kind: service.Hear, Machine: service.ActionSpeak}, func(w *world) {
		o := order()
		o.Service, o.Content = "R2HC", []pint.Content{{Part: []byte("news")}}
		s := w.ask(o)
		k := w.ex.last(t, 1)
		k.steps(pint.FirstAnswered)
		k.tell(pint.Progress{Step: pint.Machine})
		w.is(s.ID, pint.Joining, "the answering machine of B answered")
		if len(k.asked) > 0 {
			t.Errorf("it is told while it talks: %q", k.asked)
		}
		k.tell(pint.Progress{Step: pint.GreetingOver})
		synctest.Wait()
		if !slices.Equal(k.asked, []string{"proceed"}) || !slices.Equal(k.Play, []string{"news.wav"}) {
			t.Errorf("asked %q, to play %q", k.asked, k.Play)
		}
	})
}

// TestRecorded: who is recorded, and whose wish is not allowed.
func TestRecorded(t *testing.T) {
	for name, c := range map[string]struct {
		svc    service.Record
		wish   bool
		deaf   bool
		code   int // of a refusal
		file   string
		status string
	}{
		"asked":       {service.RecordAsked, true, false, 0, "call.wav", "connected, recorded"},
		"not asked":   {service.RecordAsked, false, false, 0, "", "connected"},
		"always":      {service.RecordAlways, false, false, 0, "call.wav", "connected, recorded"},
		"never":       {service.RecordNever, true, false, 403, "", ""},
		"not said":    {"", true, false, 403, "", ""},
		"disk is bad": {service.RecordAsked, true, true, 0, "", "connected, but not recorded"},
	} {
		inTime(t, service.Service{Record: c.svc}, func(w *world) {
			o := order()
			o.Record = c.wish
			if c.code != 0 {
				err := w.Accept(o, true, func(pint.Session, error) {})
				if r, ok := err.(*pint.Refusal); !ok || r.Code != c.code {
					t.Errorf("%s: %v, want %d", name, err, c.code)
				}
				return
			}
			s := w.ask(o)
			k := w.ex.last(t, 1)
			k.deaf = c.deaf
			k.steps(whole...)
			if got := w.is(s.ID, pint.Connected, c.status); got.Info != c.status || got.Recording != c.file {
				t.Errorf("%s: %q, file %q", name, got.Info, got.Recording)
			}
		})
	}
}

// paper is a fax machine that does as the test says.
type paper struct {
	sent chan string
	end  chan error
}

func (p *paper) Can(c pint.Content) error {
	if c.Media == "image/jpeg" {
		return pint.Refuse(415, "no")
	}
	return nil
}

func (p *paper) Send(ctx context.Context, s pint.Session, to string, progress func(string)) error {
	for {
		select {
		case text := <-p.sent:
			progress(to + ": " + text)
		case err := <-p.end:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// TestFax: its pages are told, it is not stopped by anybody but the end of the server,
// and what the machine says of the end is the end.
func TestFax(t *testing.T) {
	for name, c := range map[string]struct {
		end   error
		state pint.State
		info  string
	}{
		"sent":     {nil, pint.Completed, "sent OK"},
		"not sent": {pint.Refuse(502, "the fax was not sent: line busy"), pint.Failed, "the fax was not sent: line busy"},
		"broken":   {fmt.Errorf("paper jam"), pint.Failed, "paper jam"},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &paper{make(chan string), make(chan error)}
			w := &world{t: t, ex: &exchange{}, rights: &rights{}, store: pint.NewMemory(), fax: p}
			w.open(service.Service{})
			o := pint.Order{Service: "R2F", Door: pint.SIP, By: "sip:alice@example.com", B: party.Party{Number: "+4930222"},
				Content: []pint.Content{{Media: "image/jpeg", Part: []byte("x")}}}
			if err := w.Accept(o, false, func(pint.Session, error) {}); err == nil {
				t.Error("a document is taken that cannot be sent")
			}
			o.Content[0].Media = "application/pdf"
			s := w.ask(o)
			w.Confirm(s.ID)
			p.sent <- "page 1 of 2"
			w.is(s.ID, pint.Connected, "+4930222: page 1 of 2")
			if err := w.Cancel(s.ID, "requester", nil); err != pint.ErrFaxing {
				t.Errorf("%s: stopping it: %v", name, err)
			}
			p.end <- c.end
			w.is(s.ID, c.state, c.info)
			w.stop()
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, ex: &exchange{}, rights: &rights{}, store: pint.NewMemory(), fax: &paper{}}
		w.open(service.Service{})
		s := w.ask(pint.Order{Service: "R2F", Door: pint.REST, By: "sip:alice@example.com", B: party.Party{Number: "+4930222"}, Content: []pint.Content{{Media: "text/plain", Part: []byte("x")}}})
		w.is(s.ID, pint.Dialling, "")
		w.stop()
		if got, _, err := w.store.Session(t.Context(), s.ID); err != nil || got.State != pint.Failed {
			t.Errorf("after the end of the server: %+v, %v", got, err)
		}
	})
}
