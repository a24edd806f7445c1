package config

import (
	"reflect"
)

// NeedsRestart is the first key whose change takes no effect until a restart,
// "" when there is none. old is the configuration started with.
func NeedsRestart(old, cfg *Config) string {
	if old.Log.Format != cfg.Log.Format {
		return "log.format"
	}
	live := map[string]bool{"tls": true, "routes": true, "log": true}
	was, is := *old, *cfg
	was.Phones, is.Phones = was.Phones.fixed(), is.Phones.fixed()
	a, b := reflect.ValueOf(was), reflect.ValueOf(is)
	for i := range a.NumField() {
		key := a.Type().Field(i).Tag.Get("yaml")
		if !live[key] && !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			return key
		}
	}
	return ""
}
