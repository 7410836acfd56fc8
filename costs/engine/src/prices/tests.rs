use super::*;

const BASE: &str = "currency = \"USD\"\n[cpu]\ncore_hour = \"0.0316\"\n[memory]\ngib_hour = \"0.0042\"\n";

fn said(text: &str) -> String {
    let error = Prices::parse("prices.toml", text).unwrap_err();
    format!("{error}\nhint: {}", error.hint())
}

#[test]
fn mistakes_are_said_with_line_and_way_out() {
    let mistakes = [
        BASE.replace("core_hour", "core_hours"),
        BASE.replace("\"0.0316\"", "0.0316"),
        BASE.replace("0.0042", "-0.0042"),
        BASE.replace("0.0042", "0,0042"),
        "currency = \"USD\"\n[cpu]\ncore_hour = \"1\"\n".to_owned(),
        "currency = \"USD\"\n".to_owned(),
        format!("{BASE}[instance]\nhour = \"1\"\ncpus = 4\nmemory_gib = 16\n"),
        format!("{BASE}[[prices]]\ninstance = {{ hour = \"1\", cpus = 0, memory_gib = 16 }}\n"),
        format!("{BASE}[[prices]]\npool = \"a\"\ninstance = {{ hour = \"1\", cpus = 0, memory_gib = 16 }}\n"),
        format!(
            "{BASE}[[prices]]\nvalid_from = \"1 Dec\"\ncpu = {{ core_hour = \"1\" }}\nmemory = {{ gib_hour = \"1\" }}\n"
        ),
    ];
    insta::assert_snapshot!(mistakes.map(|text| said(&text)).join("\n"), @r#"
    prices.toml:3: unknown field `core_hours`, expected `core_hour`
    hint: docs/reference/prices.md shows every setting
    prices.toml:3: invalid type: floating point `0.0316`, expected a string
    hint: quote prices, so that they are read exactly: core_hour = "0.0316"
    prices.toml:5: gib_hour = "-0.0042": a price is not below zero
    hint: prices are decimal numbers of at most nine decimals: "0.0316"
    prices.toml:5: gib_hour = "0,0042": not a decimal number
    hint: prices are decimal numbers of at most nine decimals: "0.0316"
    prices.toml:2: a price of CPU without one of memory
    hint: give [cpu] core_hour and [memory] gib_hour, or [instance] hour, cpus and memory_gib
    prices.toml:1: there is no price
    hint: give [cpu] core_hour and [memory] gib_hour, or [instance] hour, cpus and memory_gib
    prices.toml:6: two prices: of an instance and of CPU and memory
    hint: give [cpu] core_hour and [memory] gib_hour, or [instance] hour, cpus and memory_gib
    prices.toml:6: an entry of [[prices]] needs valid_from or pool
    hint: give [cpu] core_hour and [memory] gib_hour, or [instance] hour, cpus and memory_gib
    prices.toml:8: cpus is expected between 1 and 4096
    hint: give [cpu] core_hour and [memory] gib_hour, or [instance] hour, cpus and memory_gib
    prices.toml:7: valid_from = "1 Dec": expected a day or a whole hour, UTC: "2026-12-01" or "2026-12-01T06:00Z"
    hint: prices are decimal numbers of at most nine decimals: "0.0316"
    "#);
}

#[test]
fn the_last_entry_that_is_valid_counts_and_a_pool_goes_first() {
    let text = format!(
        "{BASE}[[prices]]\nvalid_from = \"2026-12-01\"\ncpu = {{ core_hour = \"0.05\" }}\nmemory = {{ gib_hour = \"0.01\" }}\n\
         [[prices]]\npool = \"heavy\"\ncpu = {{ core_hour = \"0.09\" }}\nmemory = {{ gib_hour = \"0.02\" }}\n"
    );
    let prices = Prices::parse("prices.toml", &text).unwrap();
    let december = 1_796_083_200_000;
    let core = |at, pool| prices.at(at, pool).core_hour_nano;
    assert_eq!(prices.changes(), [december]);
    assert_eq!(
        [
            core(0, "default"),
            core(december - 1, "default"),
            core(december, "default"),
            core(december, "heavy")
        ],
        [31_600_000, 31_600_000, 50_000_000, 90_000_000]
    );
}

#[test]
fn an_instance_costs_its_price() {
    let text = "currency = \"USD\"\n[instance]\nhour = \"0.192\"\ncpus = 4\nmemory_gib = 16\n";
    let price = Prices::parse("prices.toml", text).unwrap().at(0, "");
    // 7.46 to 1, to the billionth.
    assert_eq!((price.core_hour_nano, price.gib_hour_nano), (31_246_073, 4_188_482));
    assert_eq!(price.cost(4 * 3_600_000_000_000, 16 * 3_600 * (1 << 30)).to_decimal(6), "0.192000");
}
