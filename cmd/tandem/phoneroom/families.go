package phoneroom

import (
	"errors"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/phonefiles"
	"tandem/sipphone/family"
	"tandem/sipphone/output"
)

// loadFamilies reads the families and the operator's templates. A wrong template
// is reported and the one before stays.
func (r *Room) loadFamilies(cfg *config.Config) error {
	set, errs := family.Load(cfg.PhonesFolder(cfg.Phones.Templates, "templates"), r.families.Load())
	if set == nil {
		return errors.Join(errs...)
	}
	for _, err := range errs {
		r.c.Log.Error("template of phones not used", "err", err)
	}
	r.families.Store(set)
	policies, err := output.Load(cfg.PhonesFolder(cfg.Phones.Templates, "templates"))
	if err != nil {
		r.c.Log.Error("output policies of phones not used", "err", err)
	}
	if policies == nil {
		return err
	}
	if err == nil || r.output.Load() == nil {
		r.output.Store(policies)
	}
	return nil
}

// Reload reads templates and what phones are told again.
func (r *Room) Reload(cfg *config.Config) error {
	if err := r.loadFamilies(cfg); err != nil {
		return err
	}
	r.setPlace(cfg)
	return nil
}

func (r *Room) setPlace(cfg *config.Config) {
	place := phonefiles.Place(cfg, r.c.Transport.Listeners(), r.c.Cert)
	r.place.Store(&place)
}
