//! Who is asking: a token of Airflow 3, the password itself for Airflow 2.

use secrecy::SecretString;

/// How to prove who is asking.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// Airflow 3: SimpleAuthManager with `simple_auth_manager_all_admins`, a token without a login. Airflow 2: the
    /// `default` authentication of its API, which lets everybody in. Throw-away Airflows only.
    AllAdmins,
    /// A user and password. Airflow 2 needs its `basic_auth`.
    User {
        /// Name.
        name: String,
        /// Password.
        password: SecretString,
    },
}
