package onboarding

import "context"

// Preview is what an invitation would come to.
type Preview struct {
	Results []PreviewResult // in the order of the recipients
	Left    int             // of the organization's limit of mails of the day, before anything of this is sent
	Texts   TextPreview
}

// TextPreview is what the text messages of an invitation would come to.
type TextPreview struct {
	Count    int
	Segments int   // at most
	Cost     Money // at most
	Left     int   // of the organization's limit of the day, before anything of this is sent
	Budget   Money // what is left of the month, likewise
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
// what others do in between may change it. How many numbers of one block were texted within the hour it does not look at.
func (u Inviting) Preview(ctx context.Context, caller Caller, cmd InviteCommand) (Preview, error) {
	b, err := u.begin(ctx, caller, cmd)
	if err != nil {
		return Preview{}, err
	}
	waiting, err := b.sort(ctx)
	if err != nil {
		return Preview{}, err
	}
	used, err := u.Store.ReadUsage(ctx, caller.Organization.ID, b.now)
	if err != nil {
		return Preview{}, err
	}
	f := forecast{batch: b, mails: max(caller.Organization.Settings.DailySendLimit-used, 0)}
	if err := f.readTexts(ctx, waiting); err != nil {
		return Preview{}, err
	}
	p := Preview{Left: f.mails}
	if err := f.run(ctx, waiting); err != nil {
		return Preview{}, err
	}
	p.Texts = f.texts
	offers := map[int]Contact{}
	for _, c := range waiting {
		offers[c.place] = c.offer
	}
	for i, r := range b.results {
		one := PreviewResult{Input: r.Input, Verdict: r.Verdict, Reason: r.Reason, Address: offers[i].Address}
		if r.Verdict.sends() {
			one.Joins = b.joins(offers[i])
		}
		p.Results = append(p.Results, one)
	}
	return p, nil
}

// forecast gives the candidates of a batch the verdicts that writing them would.
type forecast struct {
	*batch
	mails   int         // left of the limit
	texts   TextPreview // left of the limits, and what they would come to
	all     Money       // left of the deployment's month
	stopped bool
	numbers map[NumberID]NumberState
}

// readTexts reads what is left of the limits on text messages, if any is to be sent.
func (f *forecast) readTexts(ctx context.Context, waiting []candidate) error {
	o, g := f.caller.Organization, f.Texts
	if !g.Available(o) {
		return nil
	}
	used, err := g.Store.ReadTexts(ctx, o.ID, f.now, TextInvitation)
	if err != nil {
		return err
	}
	f.texts.Left, f.texts.Budget = max(o.Settings.TextsPerDay-used.Today, 0), max(o.Settings.TextBudget-used.Spent, 0)
	f.all, f.stopped = g.Texting.Budget-used.All, used.Stopped
	var ids []NumberID
	for _, c := range waiting {
		if f.cmd.Notify && c.offer.Address.Kind == Phone {
			ids = append(ids, newNumberID(c.offer.Address))
		}
	}
	f.numbers, err = g.Store.ReadNumbers(ctx, ids)
	return err
}

func (f *forecast) run(ctx context.Context, waiting []candidate) error {
	there, status, err := f.known(ctx, waiting)
	if err != nil {
		return err
	}
	var texted []candidate
	for _, c := range waiting {
		r, mailed := &f.results[c.place], f.cmd.Notify && c.offer.Address.Kind == Email
		if mailed && f.mails < 1 { // nobody is looked up then
			r.Verdict, r.Reason = OverLimit, overLimit
			continue
		}
		known, ok := there[c.offer.ID]
		if r.Verdict = Created; ok {
			_, verdict, reason, err := f.judge(ctx, c.offer, known, status)
			if err != nil {
				return err
			}
			if r.Verdict = verdict; reason != "" {
				r.Reason = reason
			}
		}
		switch {
		case !f.cmd.Notify || !r.Verdict.sends():
		case mailed:
			f.mails--
		default:
			texted = append(texted, c)
		}
	}
	f.takeTexts(texted)
	return nil
}

// takeTexts takes the text messages of the candidates out of what is left, as a reservation does: the money for as many as it is
// enough for, from the front, of those whose numbers can be texted.
func (f *forecast) takeTexts(candidates []candidate) {
	left, budget, all := f.texts.Left, f.texts.Budget, f.all
	for _, c := range candidates {
		cost, err := f.Texts.cost(f.caller.Organization, text{to: c.offer.Address, kind: MessageInvitation})
		if err == nil {
			err = f.numbers[newNumberID(c.offer.Address)].refusal(f.now)
		}
		switch {
		case err != nil:
		case left < 1 || cost > budget:
			left, err = 0, &TextRefusal{Rule: overBudget, Text: overTextLimit}
		case f.stopped:
			left, budget, err = left-1, budget-cost, errTextsOff
		case cost > all:
			left, budget, all, err = left-1, budget-cost, 0, &TextRefusal{Rule: overBudget, Text: overAllTexts}
		default:
			left, budget, all = left-1, budget-cost, all-cost
		}
		if err != nil {
			f.refuse(c.place, err)
			continue
		}
		f.texts.Count, f.texts.Segments, f.texts.Cost = f.texts.Count+1, f.texts.Segments+MessageInvitation.Segments(), f.texts.Cost+cost
	}
}

// joins says whether somebody would join at once who accepts by the link that is sent to them.
// Its places have been judged.
func (b *batch) joins(c Contact) Answer {
	var places []Place
	for range c.Invitation.Placement.Groups {
		places = append(places, Place{Group: true, Admits: true, Own: true})
	}
	return Decide(b.caller.Organization.Settings, Case{Actor: b.caller.Member.Actor(), Channel: ChannelInvitation, Address: c.Address,
		Proven: b.cmd.Notify, Offer: Offer{b.cmd.Type, b.cmd.Role}, Places: places, Firm: c.Invitation.Firm}).Answer
}
