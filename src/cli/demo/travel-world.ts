// A small world of travel: destinations, travellers, what they looked at, booked and rated, and how pairs of them got on. What
// people do follows known tastes with noise, so that a model has something to find; everything is the same every time, but that it
// can be moved by whole weeks, since what was done long ago says little of now.
import { type Random, seededRandom } from '../../core/random.ts'

const PLACES = `tokyo|Tokyo|JP|high|food temples shopping art|week month|35.7|139.7
kyoto|Kyoto|JP|high|temples art history nature|weekend week|35.0|135.8
lisbon|Lisbon|PT|medium|food music history surf|weekend week|38.7|-9.1
porto|Porto|PT|medium|wine food history|weekend|41.2|-8.6
madeira|Madeira|PT|medium|hiking nature wine|week|32.7|-16.9
paris|Paris|FR|high|art food museums shopping|weekend week|48.9|2.4
provence|Provence|FR|high|wine food nature|week|43.9|5.8
chamonix|Chamonix|FR|high|ski hiking nature|weekend week|45.9|6.9
rome|Rome|IT|medium|history food museums art|weekend week|41.9|12.5
florence|Florence|IT|medium|art museums wine food|weekend|43.8|11.3
dolomites|Dolomites|IT|medium|hiking ski nature|week|46.4|11.8
sicily|Sicily|IT|low|food beach history|week|37.6|14.0
barcelona|Barcelona|ES|medium|art nightlife beach food|weekend week|41.4|2.2
granada|Granada|ES|low|history music hiking|weekend|37.2|-3.6
tenerife|Tenerife|ES|low|beach hiking diving|week month|28.3|-16.6
athens|Athens|GR|low|history museums nightlife|weekend|38.0|23.7
crete|Crete|GR|low|beach food hiking history|week month|35.2|24.9
istanbul|Istanbul|TR|low|history food shopping|weekend week|41.0|29.0
marrakesh|Marrakesh|MA|low|food shopping history|weekend week|31.6|-8.0
cairo|Cairo|EG|low|history museums diving|week|30.0|31.2
cape_town|Cape Town|ZA|medium|wine surf hiking nature|week month|-33.9|18.4
zanzibar|Zanzibar|TZ|medium|beach diving food|week|-6.2|39.2
bali|Bali|ID|low|surf temples beach nature|week month|-8.4|115.2
lombok|Lombok|ID|low|surf diving hiking|week month|-8.6|116.3
yogyakarta|Yogyakarta|ID|low|temples history food|weekend week|-7.8|110.4
bangkok|Bangkok|TH|low|food temples nightlife shopping|weekend week|13.8|100.5
chiang_mai|Chiang Mai|TH|low|temples food hiking|week month|18.8|99.0
koh_tao|Koh Tao|TH|low|diving beach nightlife|week month|10.1|99.8
hanoi|Hanoi|VN|low|food history music|week|21.0|105.8
kathmandu|Kathmandu|NP|low|hiking temples nature|week month|27.7|85.3
berlin|Berlin|DE|medium|nightlife music museums art|weekend|52.5|13.4
munich|Munich|DE|medium|food museums hiking|weekend|48.1|11.6
vienna|Vienna|AT|high|music museums art|weekend|48.2|16.4
innsbruck|Innsbruck|AT|medium|ski hiking nature|weekend week|47.3|11.4
zermatt|Zermatt|CH|high|ski hiking nature|week|46.0|7.7
reykjavik|Reykjavík|IS|high|nature hiking music|weekend week|64.1|-21.9
new_york|New York|US|high|art museums nightlife shopping|weekend week|40.7|-74.0
new_orleans|New Orleans|US|medium|music food nightlife|weekend|30.0|-90.1
hawaii|Hawaii|US|high|surf beach hiking diving|week month|20.8|-156.3
mexico_city|Mexico City|MX|low|food museums art|week|19.4|-99.1
tulum|Tulum|MX|medium|beach diving history|week|20.2|-87.5
cusco|Cusco|PE|low|hiking history food|week month|-13.5|-72.0
buenos_aires|Buenos Aires|AR|low|music food nightlife wine|week month|-34.6|-58.4
patagonia|Patagonia|AR|medium|hiking nature|week month|-50.3|-72.3`
const TASTES: readonly (readonly string[])[] = [
  ['art', 'museums', 'history', 'music'],
  ['food', 'wine', 'shopping', 'music'],
  ['hiking', 'nature', 'ski', 'temples'],
  ['beach', 'surf', 'diving', 'nightlife'],
]
const STYLES = ['backpacking', 'comfort', 'family', 'luxury']
const BUDGETS = ['low', 'medium', 'high']
const ZONES = ['Europe/Berlin', 'Europe/Lisbon', 'America/New_York', 'Asia/Tokyo']
const COUNTRIES = ['DE', 'PT', 'US', 'JP']
/** Hours behind UTC, about. */
const BEHIND = [-1, 0, 5, -9]
const HOUR_MS = 3_600_000
const TRAVELLERS = 300
const PAIRS = 600
const START_MS = Date.UTC(2025, 0, 1)
const DAY_MS = 86_400_000
const DAYS = 240
const WEEK_MS = 7 * DAY_MS
/** The last thing that can happen: a rating, three weeks after what was booked on the last day. */
const END_MS = START_MS + (DAYS + 22) * DAY_MS

export interface Place {
  readonly entity_id: string
  readonly name: string
  readonly country: string
  readonly budget: string
  readonly tags: readonly string[]
  readonly durations: readonly string[]
  readonly latitude: number
  readonly longitude: number
}

export interface Traveller {
  readonly entity_id: string
  readonly interests: readonly string[]
  readonly travel_style: readonly string[]
  readonly personality: readonly number[]
  readonly budget: string
  readonly pace: number
  readonly home_country: string
  readonly timezone: string
  readonly segment: string
}

export interface Act {
  readonly id: string
  readonly user_id: string
  readonly item_id: string
  readonly event: string
  readonly at: string
  readonly value?: number
}

export interface TravelWorld {
  readonly places: readonly Place[]
  readonly travellers: readonly Traveller[]
  /** In the order of time. */
  readonly acts: readonly Act[]
  /** Since when what is said of places and travellers holds. */
  readonly observedAt: string
}

/** @param endsBefore moves all of it by weeks, so that it ends in the week before; default: it is of 2025. */
export function travelWorld(endsBefore?: Date): TravelWorld {
  const later = endsBefore ? Math.floor((endsBefore.getTime() - END_MS) / WEEK_MS) * WEEK_MS : 0
  const random = seededRandom(44)
  const places = PLACES.split('\n').map(placeOf)
  const travellers = Array.from({ length: TRAVELLERS }, (_, index) => travellerOf(index, random))
  const acts = [
    ...travellers.flatMap((traveller) => journeysOf(traveller, places, random)),
    ...Array.from({ length: PAIRS }, (_, index) => meetingOf(index, travellers, random)),
  ]
  return {
    places,
    travellers,
    acts: acts
      .map((act) => ({ ...act, at: new Date(Date.parse(act.at) + later).toISOString() }))
      .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.id < b.id ? -1 : 1)),
    observedAt: new Date(START_MS - DAY_MS + later).toISOString(),
  }
}

function placeOf(line: string): Place {
  const [entity_id, name, country, budget, tags, durations, latitude, longitude] = line.split('|') as [string, string] &
    string[]
  return {
    entity_id,
    name,
    country: country!,
    budget: budget!,
    tags: tags!.split(' '),
    durations: durations!.split(' '),
    latitude: Number(latitude),
    longitude: Number(longitude),
  }
}

function travellerOf(index: number, random: Random): Traveller {
  const taste = index % TASTES.length
  const other = TASTES[random.integer(TASTES.length)]!
  const home = random.integer(COUNTRIES.length)
  const interests = new Set([...TASTES[taste]!.filter(() => random.next() < 0.75), other[random.integer(4)]!])
  return {
    entity_id: `traveller_${index + 1}`,
    interests: [...interests],
    travel_style: [STYLES[random.integer(STYLES.length)]!],
    personality: Array.from({ length: 5 }, () => Math.round(random.next() * 100) / 100),
    budget: BUDGETS[random.integer(BUDGETS.length)]!,
    pace: Math.round(random.next() * 100) / 100,
    home_country: COUNTRIES[home]!,
    timezone: ZONES[home]!,
    segment: `taste_${taste + 1}`,
  }
}

/** Places are chosen by the interests they meet and by what they cost, and some are simply loved. */
function journeysOf(traveller: Traveller, places: readonly Place[], random: Random): Act[] {
  const wanted = places.map((place, index) => {
    const met = place.tags.filter((tag) => traveller.interests.includes(tag)).length
    const value = 1.1 * met + (place.budget === traveller.budget ? 0.7 : 0) + 0.6 * Math.cos(index)
    return { place, value, key: value - Math.log(-Math.log(random.next() + 1e-12)) }
  })
  const chosen = wanted.sort((a, b) => b.key - a.key).slice(0, 8 + random.integer(6))
  return chosen.flatMap(({ place, value }, index): Act[] => {
    const first = START_MS + random.integer(DAYS) * DAY_MS + hourOf(traveller, random) * HOUR_MS
    const act = (event: string, days: number): Act => ({
      id: `${traveller.entity_id}_${index}_${event}`,
      user_id: traveller.entity_id,
      item_id: place.entity_id,
      event,
      at: new Date(first + days * DAY_MS).toISOString(),
    })
    const acts = [act('viewed', 0)]
    if (random.next() < 0.35) acts.push(act('saved', 0.02))
    if (random.next() < 0.25) {
      const rating = Math.min(5, Math.max(1, Math.round(2.4 + 0.8 * value + 0.7 * random.normal())))
      acts.push(act('booked', 1), { ...act('rated', 20), value: rating })
    }
    return acts
  })
}

/** Everybody has a time of the day for it, which goes with their taste; in UTC. */
function hourOf({ segment, home_country }: Traveller, random: Random): number {
  const local = 3 + 4.5 * Number(segment.at(-1)) + random.normal()
  return local + BEHIND[COUNTRIES.indexOf(home_country)]!
}

/** Two travellers get on when their interests and their pace are alike. */
function meetingOf(index: number, travellers: readonly Traveller[], random: Random): Act {
  const a = random.integer(travellers.length)
  const b = (a + 1 + random.integer(travellers.length - 1)) % travellers.length
  const [one, two] = [travellers[a]!, travellers[b]!]
  const both = one.interests.filter((word) => two.interests.includes(word)).length
  const any = new Set([...one.interests, ...two.interests]).size
  const odds = 8 * (both / any - 0.2) + 4 * (0.33 - Math.abs(one.pace - two.pace))
  return {
    id: `meeting_${index}`,
    user_id: one.entity_id,
    item_id: two.entity_id,
    event: random.next() < 1 / (1 + Math.exp(-odds)) ? 'match_accepted' : 'match_declined',
    at: new Date(START_MS + Math.floor(random.next() * DAYS * DAY_MS)).toISOString(),
  }
}
