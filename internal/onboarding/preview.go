package onboarding

import "context"

// Preview is what an invitation would come to.
type Preview struct {
	Results []PreviewResult // in the order of the recipients
	Left    int             // of the organization's limit of the day, before anything of this is sent
}

// PreviewResult is what would become of one recipient.
type PreviewResult struct {
	Input   string
	Verdict InviteVerdict
	Reason  string
	Address Address // in its one form; zero where there is none
	Joins   Answer  // whether they would be in at once, or wait, when they accept; empty where nothing would be sent
}

// Preview says of each recipient what Invite would, and whether they would join at once. It writes nothing and sends nothing;
// what others do in between may change it.
func (u Inviting) Preview(ctx context.Context, caller Caller, cmd InviteCommand) (Preview, error) {
	b, err := u.begin(caller, cmd)
	if err != nil {
		return Preview{}, err
	}
	waiting := b.sort()
	used, err := u.Store.ReadUsage(ctx, caller.Organization.ID, b.now)
	if err != nil {
		return Preview{}, err
	}
	p := Preview{Left: max(caller.Organization.Settings.DailySendLimit-used, 0)}
	if err := b.foresee(ctx, waiting, p.Left); err != nil {
		return Preview{}, err
	}
	offers := map[int]Contact{}
	for _, c := range waiting {
		offers[c.place] = c.offer
	}
	for i, r := range b.results {
		one := PreviewResult{Input: r.Input, Verdict: r.Verdict, Reason: r.Reason, Address: offers[i].Address}
		switch r.Verdict {
		case Created, Reopened, Resent:
			one.Joins = b.joins(one.Address)
		}
		p.Results = append(p.Results, one)
	}
	return p, nil
}

// foresee gives the candidates the verdicts that writing them would, with so much left of the limit of the day.
func (b *batch) foresee(ctx context.Context, waiting []candidate, left int) error {
	ids := make([]ContactID, len(waiting))
	for i, c := range waiting {
		ids[i] = c.offer.ID
	}
	there, err := b.Store.ReadContacts(ctx, b.caller.Organization.ID, ids)
	if err != nil {
		return err
	}
	var members []MemberID
	for _, c := range there {
		if !c.Member.IsZero() {
			members = append(members, c.Member)
		}
	}
	status, err := b.Store.ReadMemberStatus(ctx, b.caller.Organization.ID, members)
	if err != nil {
		return err
	}
	for _, c := range waiting {
		r := &b.results[c.place]
		known, ok := there[c.offer.ID]
		if r.Verdict = Created; ok {
			_, verdict, reason := b.judge(c.offer, known, status)
			if r.Verdict = verdict; reason != "" {
				r.Reason = reason
			}
		}
		if !b.cmd.Notify {
			continue
		}
		switch r.Verdict {
		case Created, Reopened, Resent:
			if left--; left < 0 {
				r.Verdict, r.Reason = OverLimit, overLimit
			}
		}
	}
	return nil
}

// joins says whether somebody would join at once who accepts by the link in the mail.
func (b *batch) joins(a Address) Answer {
	return Decide(b.caller.Organization.Settings, Case{Actor: b.caller.Member.Actor(), Channel: ChannelInvitation, Address: a,
		Proven: b.cmd.Notify, Offer: Offer{b.cmd.Type, b.cmd.Role}}).Answer
}
