package ng

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/media/sound"
)

// What rtpengine's users send works, or the reply says what to do instead.
func TestCommandsOfRtpengine(t *testing.T) {
	s := control(t)
	dir := t.TempDir()
	tone := filepath.Join(dir, "tone.wav")
	if err := sound.WriteWAV(tone, make([]int16, 8000)); err != nil {
		t.Fatal(err)
	}
	ask := func(d Dict) Dict { return s.answer(d) }
	ask(Dict{"command": "offer", "call-id": "x", "from-tag": "a", "sdp": sdpA})
	ask(Dict{"command": "answer", "call-id": "x", "from-tag": "a", "to-tag": "b", "sdp": sdpB})
	for _, c := range []struct {
		request Dict
		folders Folders
		says    string // in error-reason, "" = ok
	}{
		{Dict{"command": "statistics"}, Folders{}, ""},
		{Dict{"command": "start recording", "call-id": "x"}, Folders{}, "--recordings"},
		{Dict{"command": "start recording", "call-id": "y"}, Folders{Recordings: dir}, "call"},
		{Dict{"command": "start recording", "call-id": "x", "recording-file": "../../etc/r.wav"}, Folders{Recordings: dir}, ""},
		{Dict{"command": "stop recording", "call-id": "x"}, Folders{}, ""},
		{Dict{"command": "stop recording", "call-id": "x"}, Folders{}, "not being recorded"},
		{Dict{"command": "play media", "call-id": "x", "from-tag": "a", "file": "tone.wav"}, Folders{}, "--sounds"},
		{Dict{"command": "play media", "call-id": "x", "from-tag": "a", "file": "none.wav"}, Folders{Sounds: dir}, "none.wav"},
		{Dict{"command": "play media", "call-id": "x", "from-tag": "a", "file": "tone.wav", "repeat-times": int64(2)}, Folders{Sounds: dir}, ""},
		{Dict{"command": "stop media", "call-id": "x", "from-tag": "a"}, Folders{}, ""},
		{Dict{"command": "block DTMF", "call-id": "x"}, Folders{}, "telephone-event"},
		{Dict{"command": "silence media", "call-id": "x"}, Folders{}, "a=inactive"},
		{Dict{"command": "subscribe request", "call-id": "x"}, Folders{}, "conferences"},
		{Dict{"command": "brew"}, Folders{}, "known are ping, offer"},
	} {
		s.Use(c.folders)
		got := ask(c.request)
		if ok := got.String("result") == "ok"; ok != (c.says == "") || !strings.Contains(got.String("error-reason"), c.says) {
			t.Errorf("%v: %v", c.request, got)
		}
		if list := unheeded(c.request); len(list) > 0 {
			t.Errorf("%v: %q is said not to be done", c.request, list)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "r.wav")); err != nil {
		t.Errorf("the recording: %v", err)
	}
	if n := ask(Dict{"command": "statistics"})["statistics"].(Dict)["currentstatistics"].(Dict)["sessionsown"]; n != int64(1) {
		t.Errorf("%v sessions", n)
	}
}
